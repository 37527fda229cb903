"""Pub/Sub `snapshots-ingested`: rules on stored snapshots, opportunities, questions."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import functions_framework

from common import evaluation
from common.evaluation import EvaluationContext, RuleEvaluation
from common.market import Session, Snapshot
from common.messages import SnapshotsIngested
from common.questions import question_text, terms
from common.rules.base import Fired, MarketFacts, Position
from common.server_limits import ServerLimits
from functions import wiring
from functions.pubsub import pubsub_handler
from infra.postgres.database import Database, Transaction
from infra.postgres.market import market_data, sessions
from infra.postgres.market.market_data import MarketDataKey
from infra.postgres.trading import opportunities, positions
from infra.postgres.trading.opportunities import FiredRule
from infra.postgres.users import configs, rule_status, set_aside_configs
from infra.postgres.users.configs import SharedConfig
from infra.postgres.users.rule_status import RuleStatus
from infra.workflows import isolation

log = logging.getLogger(__name__)

_FLOWS_A_LINE = 1000
# A piece is a transaction: short enough to hold nobody up, long enough to be worth its commit.
CONFIGS_A_PIECE = 100
# Of the processor's time, for all positions that its users hold.
SECONDS_PER_CONFIG = 2.0


class TooSlowError(Exception):
    """A config took more than its share of the processor."""


@functions_framework.http
@pubsub_handler(SnapshotsIngested)
def evaluate(message: SnapshotsIngested) -> None:  # noqa: ARG001 (facts are read where they are stored)
    """Ask every user for whom a rule fires. Never calls Alpaca."""
    app = wiring.current()
    if not (app.settings.trading_enabled and app.settings.trading_worker_eval_enabled):
        log.info("skipped: TRADING_ENABLED or TRADING_WORKER_EVAL_ENABLED is off")
        return
    asked = ask_all(app.database, app.settings.server_limits, app.clock.now())
    log.info("asked %d questions", asked, extra={"event": "evaluate_done", "asked": asked})
    app.relay.publish_committed()


def ask_all(database: Database, limits: ServerLimits, now: datetime) -> int:
    """Evaluate each distinct config once; return how many questions were asked.

    Configs are evaluated in pieces, each in a transaction of its own. One that fails is set aside
    by its key, and the others go on.
    """
    with database.transaction() as tx:
        active = configs.active(tx, limits)
        facts = market_data.latest(tx, _needs(active.shared))
        session = sessions.today(tx, now)
        failed_before = set_aside_configs.keys(tx)
    statuses: list[RuleStatus] = []

    def evaluate_piece(piece: Sequence[SharedConfig]) -> None:
        with database.transaction() as tx:
            found = [
                status
                for shared in piece
                for status in ask_users_of(tx, shared, context(shared, facts, session, now))
            ]
            rule_status.store(tx, found, now)
        statuses.extend(found)

    failed: list[tuple[SharedConfig, str]] = []
    for piece in _pieces(active.shared, failed_before):
        failed += isolation.isolated(piece, evaluate_piece)
    with database.transaction() as tx:
        leave_out(tx, active.set_aside, failed, now)
    return sum(status.asked for status in statuses)


def ask_users_of(
    tx: Transaction, shared: SharedConfig, moment: EvaluationContext
) -> list[RuleStatus]:
    """Evaluate one config and ask its users; raises TooSlowError when it takes too long."""
    statuses: dict[tuple[str, str], RuleStatus] = {}
    begun = time.thread_time()  # of this thread alone: a busy machine is no config's fault
    for evaluated in evaluation.evaluate(shared.config, moment, _positions(tx, shared)):
        status = _ask(tx, shared, evaluated, moment.now)
        key = (status.rule_id, status.symbol)
        statuses[key] = _merged(statuses.get(key), status)
        if time.thread_time() - begun > SECONDS_PER_CONFIG:
            raise TooSlowError(f"evaluating took longer than {SECONDS_PER_CONFIG} s")
    return list(statuses.values())


def context(
    shared: SharedConfig,
    facts: Mapping[MarketDataKey, Sequence[Snapshot]],
    session: Session | None,
    now: datetime,
) -> EvaluationContext:
    """Return what a config is evaluated on: the facts of its own feeds."""
    return EvaluationContext(now, _facts_of(shared, facts), session)


def leave_out(
    tx: Transaction,
    unusable: Mapping[str, str],
    failed: Sequence[tuple[SharedConfig, str]],
    now: datetime,
) -> None:
    """Record which configs were set aside: for the operator, and for their users by rule."""
    reasons = {**unusable, **{shared.key: reason for shared, reason in failed}}
    for key, reason in reasons.items():
        log.error(
            "config %s is set aside: %s",
            key,
            reason,
            extra={"event": "config_set_aside", "config_key": key},
        )
    set_aside_configs.replace(tx, reasons, now)
    statuses = [
        RuleStatus(shared.key, rule.id, symbol, "set_aside", {"reason": reason})
        for shared, reason in failed
        for rule in shared.config.rules
        for symbol in rule.all_symbols
    ]
    rule_status.store(tx, statuses, now)


def _pieces(
    shared_configs: Sequence[SharedConfig], failed_before: frozenset[str]
) -> Iterator[Sequence[SharedConfig]]:
    """Yield configs in pieces; what failed a minute ago is looked at apart from the others."""
    sound = [each for each in shared_configs if each.key not in failed_before]
    yield from isolation.in_chunks(sound, CONFIGS_A_PIECE)
    yield from ([each] for each in shared_configs if each.key in failed_before)


def _ask(
    tx: Transaction, shared: SharedConfig, evaluated: RuleEvaluation, now: datetime
) -> RuleStatus:
    """Ask the users of a config for whom a rule fired; say what came of it."""
    rule, outcome = evaluated.rule, evaluated.outcome
    status = RuleStatus(shared.key, rule.id, evaluated.symbol, "fired", {})
    if not isinstance(outcome, Fired):
        return replace(status, outcome=outcome.reason, observed=outcome.observed)
    held = evaluated.position.qty if evaluated.position else None
    proposal = rule.on_answer_match.propose(shared.config.asset_class_of(outcome.symbol), held)
    needs_yes = shared.config.guardrails.require_question_before_order
    act = opportunities.ask if needs_yes else opportunities.order
    asked = act(
        tx,
        FiredRule(
            config_key=shared.key,
            rule=rule,
            terms=terms(rule, outcome, proposal, shared.config.hash, now),
            text=question_text(rule, outcome, proposal),
            max_queued_questions=shared.config.max_queued_questions,
            position=evaluated.position,
        ),
    )
    _log_asked(rule.id, outcome.symbol, asked.flow_ids)
    observed = {"price": outcome.price, "reference": outcome.reference, "pct": outcome.pct}
    shown = {name: str(number) for name, number in observed.items() if number is not None}
    return replace(
        status, observed=shown | dict(outcome.values), asked=asked.asked, held_back=asked.held_back
    )


def _log_asked(rule_id: str, symbol: str, flow_ids: Sequence[str]) -> None:
    """Log where each order's way begins; of thousands in lines of a size that a log takes."""
    for start in range(0, len(flow_ids), _FLOWS_A_LINE):
        begun = {"rule_id": rule_id, "flow_ids": flow_ids[start : start + _FLOWS_A_LINE]}
        log.info("%s fired on %s", rule_id, symbol, extra={"event": "asked", **begun})


def _merged(earlier: RuleStatus | None, status: RuleStatus) -> RuleStatus:
    """Join what a rule said of several positions: fired if it fired for any of them."""
    if earlier is None:
        return status
    shown_status = earlier if earlier.outcome == "fired" else status
    reasons = earlier.held_back.keys() | status.held_back.keys()
    held_back = {
        why: earlier.held_back.get(why, 0) + status.held_back.get(why, 0) for why in reasons
    }
    return replace(shown_status, asked=earlier.asked + status.asked, held_back=held_back)


def _needs(shared_configs: Iterable[SharedConfig]) -> Mapping[MarketDataKey, int]:
    """Collect how many of which stored facts the rules of all configs look at."""
    needs: dict[MarketDataKey, int] = {}
    for shared in shared_configs:
        for key, count in shared.config.needs().items():
            needs[key] = max(count, needs.get(key, 0))
    return needs


def _facts_of(
    shared: SharedConfig, facts: Mapping[MarketDataKey, Sequence[Snapshot]]
) -> MarketFacts:
    """Pick the facts that come from the feeds of a config."""
    return {key[:2]: facts[key] for key in shared.config.needs() if key in facts}


def _positions(tx: Transaction, shared: SharedConfig) -> Mapping[str, list[Position]]:
    """Read the distinct positions of a config's users, if some rule is about positions."""
    if any(rule.acts_on_position for rule in shared.config.rules):
        return positions.held_by_users_of(tx, shared.key)
    return {}
