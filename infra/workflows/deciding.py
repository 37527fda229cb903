"""Decides once per distinct config which rules fire, and for which ranges of its users."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from common import evaluation
from common.config import TradingConfig
from common.evaluation import EvaluationContext, RuleEvaluation
from common.messages import Audience, Firing
from common.questions import question_text, terms
from common.rules.base import Fired, Position
from infra.postgres.database import Transaction
from infra.postgres.trading import positions
from infra.postgres.users import rule_status, user_ranges
from infra.postgres.users.configs import SharedConfig
from infra.postgres.users.rule_status import RuleStatus
from infra.postgres.users.set_aside_rows import SetAsideRow
from infra.postgres.users.user_ranges import UserRange
from infra.workflows import asking

# Of the processor's time, for whatever a config's rules say of the market; and as much again for
# all that a range of its users hold, which bounds each of these users, too.
SECONDS_PER_CONFIG = 2.0


class TooSlowError(Exception):
    """A config took more than its share of the processor."""


@dataclass(frozen=True)
class ConfigEvaluation:
    """What each rule of a config said, by rule and symbol, and who is to be asked what."""

    shared: SharedConfig
    statuses: dict[tuple[str, str], RuleStatus] = field(default_factory=dict)
    audiences: list[Audience] = field(default_factory=list)

    def note(self, status: RuleStatus) -> None:
        """Join a status with what the same rule said of the same symbol before."""
        key = (status.rule_id, status.symbol)
        self.statuses[key] = rule_status.merged(self.statuses.get(key), status)

    def explain_missing(self, defective: Sequence[SetAsideRow]) -> None:
        """Say of rules without facts which fact was set aside."""
        reasons = {row.symbol: f"market fact {row.name}: {row.reason}" for row in defective}
        for key, status in self.statuses.items():
            if status.outcome == "no_data" and status.symbol in reasons:
                observed = {"reason": reasons[status.symbol]}
                self.statuses[key] = replace(status, outcome="set_aside", observed=observed)


def decide(
    tx: Transaction, moments: Sequence[tuple[SharedConfig, EvaluationContext]]
) -> list[ConfigEvaluation]:
    """Evaluate some configs, each in its moment; raises TooSlowError when one takes too long.

    Rules that look at the market alone are evaluated once. Where some look at positions, all are
    evaluated once more for each range of the users who hold one, on what these hold.
    """
    decisions = [ConfigEvaluation(shared) for shared, _ in moments]
    fired = {
        shared.key: tuple(_firings(decision, shared, moment, {}))
        for decision, (shared, moment) in zip(decisions, moments, strict=True)
    }
    held = {shared.key: _held_symbols(shared) for shared, _ in moments}
    holders = {key: None if fired[key] else held[key] for key in fired if fired[key] or held[key]}
    ranges = user_ranges.of_configs(tx, holders, asking.USERS_A_PIECE) if holders else {}
    for decision, (shared, moment) in zip(decisions, moments, strict=True):
        for users in ranges.get(shared.key, ()):
            firings = fired[shared.key]
            if held[shared.key]:
                found = positions.held_in_range(tx, shared.key, users.first_uid, users.last_uid)
                firings = tuple(_firings(decision, shared, moment, found)) if found else firings
            if firings:
                decision.audiences.append(_audience(shared, users, firings))
    return decisions


def _held_symbols(shared: SharedConfig) -> frozenset[str]:
    """Return the symbols of which some rule looks at the user's position."""
    rules = (rule for rule in shared.config.rules if rule.acts_on_position)
    return frozenset(symbol for rule in rules for symbol in rule.all_symbols)


def _firings(
    decision: ConfigEvaluation,
    shared: SharedConfig,
    moment: EvaluationContext,
    held: Mapping[str, list[Position]],
) -> Iterator[Firing]:
    """Note what each rule says, and yield those that fire, in the order of the config."""
    begun = time.thread_time()  # of this thread alone: a busy machine is no config's fault
    for evaluated in evaluation.evaluate(shared.config, moment, held):
        decision.note(_status(shared.key, evaluated))
        if isinstance(evaluated.outcome, Fired):
            yield _firing(shared.config, evaluated, evaluated.outcome, moment)
        if time.thread_time() - begun > SECONDS_PER_CONFIG:
            raise TooSlowError(f"evaluating took longer than {SECONDS_PER_CONFIG} s")


def _status(config_key: str, evaluated: RuleEvaluation) -> RuleStatus:
    outcome = evaluated.outcome
    status = RuleStatus(config_key, evaluated.rule.id, evaluated.symbol, "fired", {})
    if not isinstance(outcome, Fired):
        return replace(status, outcome=outcome.reason, observed=outcome.observed)
    observed = {"price": outcome.price, "reference": outcome.reference, "pct": outcome.pct}
    shown = {name: str(number) for name, number in observed.items() if number is not None}
    return replace(status, observed=shown | dict(outcome.values))


def _firing(
    config: TradingConfig, evaluated: RuleEvaluation, outcome: Fired, moment: EvaluationContext
) -> Firing:
    rule, position = evaluated.rule, evaluated.position
    asset_class = config.asset_class_of(outcome.symbol)
    proposal = rule.on_answer_match.propose(asset_class, position.qty if position else None)
    return Firing(
        rule_type=rule.type,
        cooldown_seconds=rule.cooldown_seconds,
        needs_yes=config.guardrails.require_question_before_order,
        terms=terms(rule, outcome, proposal, config.hash, moment.now),
        text=question_text(rule, outcome, proposal),
        held_qty=position.qty if position else None,
        entry_price=position.avg_entry_price if position else None,
    )


def _audience(shared: SharedConfig, users: UserRange, firings: tuple[Firing, ...]) -> Audience:
    return Audience(
        config_key=shared.key,
        first_uid=users.first_uid,
        last_uid=users.last_uid,
        users=users.users,
        max_queued_questions=shared.config.max_queued_questions,
        firings=firings,
    )
