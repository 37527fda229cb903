"""Pub/Sub `snapshots-ingested`: rules on stored snapshots, opportunities, questions."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

import functions_framework

from common.evaluation import EvaluationContext
from common.market import Session, Snapshot
from common.messages import Audience, RulesFired, SnapshotsIngested
from common.rules.base import MarketFacts
from common.server_limits import ServerLimits
from functions import wiring
from functions.pubsub import pubsub_handler
from infra.postgres.database import Database, Transaction
from infra.postgres.market import sessions, sound_facts
from infra.postgres.market.market_data import MarketDataKey
from infra.postgres.messages import outbox
from infra.postgres.users import config_inputs, configs, rule_status, set_aside_configs
from infra.postgres.users.configs import SharedConfig
from infra.postgres.users.rule_status import RuleStatus
from infra.workflows import asking, isolation
from infra.workflows.deciding import ConfigEvaluation, decide

log = logging.getLogger(__name__)

# A piece is a transaction: short enough to hold nobody up, long enough to be worth its commit.
CONFIGS_A_PIECE = 20
# More than these are asked by others, side by side: nobody waits until a tick has asked a thousand.
USERS_AT_ONCE = 100
AUDIENCES_A_MESSAGE = 100


@functions_framework.http
@pubsub_handler(SnapshotsIngested)
def evaluate(message: SnapshotsIngested) -> None:  # noqa: ARG001 (facts are read where they are stored)
    """Decide which rules fire, and have their users asked. Never calls Alpaca."""
    app = wiring.current()
    if not app.asks_users:
        log.info("skipped: TRADING_ENABLED or TRADING_WORKER_EVAL_ENABLED is off")
        return
    asked = ask_all(app.database, app.settings.server_limits, app.clock.now())
    log.info("asked %d questions", asked, extra={"event": "evaluate_done", "asked": asked})
    app.relay.publish_committed()


def ask_all(database: Database, limits: ServerLimits, now: datetime) -> int:
    """Evaluate each distinct config once; return how many questions were asked here.

    A few users are asked at once; of more, each piece is a message to `ask`. Configs are evaluated
    in pieces, each in a transaction of its own. One that fails is set aside by its key, and the
    others go on; so is one whose symbols are not watched.
    """
    with database.transaction() as tx:
        active = configs.active(tx, limits)
        watched, failed = config_inputs.fitting(tx, active.shared, limits.max_server_symbols)
        facts, defective = sound_facts.latest(tx, _needs(watched), now)
        session = sessions.today(tx, now)
        failed_before = set_aside_configs.keys(tx)
    counts: list[tuple[int, int]] = []  # users looked at and users asked, by piece
    at_once = min(USERS_AT_ONCE, asking.USERS_A_PIECE)

    def evaluate_piece(piece: Sequence[SharedConfig], most: int = at_once) -> None:
        room = most - sum(users for users, _ in counts)
        with database.transaction() as tx:
            moments = [(shared, context(shared, facts, session, now)) for shared in piece]
            decisions = decide(tx, moments)
            for decision in decisions:
                decision.explain_missing(defective)
            count = fan_out(tx, decisions, room, limits, now)
        counts.append(count)

    for piece in _pieces(watched, failed_before):
        for shared, _ in isolation.isolated(piece, evaluate_piece):
            # It may be one user's rows that cannot be asked about: `ask` finds out whose.
            failed += isolation.isolated([shared], partial(evaluate_piece, most=0))
    with database.transaction() as tx:
        leave_out(tx, active.set_aside, failed, now)
        isolation.set_aside(tx, "market fact", defective, now)
    return sum(asked for _, asked in counts)


def fan_out(
    tx: Transaction,
    decisions: Sequence[ConfigEvaluation],
    room: int,
    limits: ServerLimits,
    now: datetime,
) -> tuple[int, int]:
    """Ask as many users as there is room for, and announce the others.

    Returns how many users were looked at here, and how many of them were asked.
    """
    looked_at, chosen, waiting = 0, list[Audience](), list[Audience]()
    for audience in (each for decision in decisions for each in decision.audiences):
        fits = looked_at + audience.users <= room
        looked_at += audience.users if fits else 0
        (chosen if fits else waiting).append(audience)
    by_key = {decision.shared.key: decision for decision in decisions}
    configs_by_key = {key: decision.shared.config for key, decision in by_key.items()}
    for status in asking.ask(tx, chosen, configs_by_key, limits, now):
        by_key[status.config_key].note(status)
    statuses = [status for decision in decisions for status in decision.statuses.values()]
    rule_status.store(tx, statuses, now)
    log_fired(statuses)
    for message in _messages(waiting, now):
        outbox.add(tx, message, message.audiences[0].first_uid, now)
    return looked_at, sum(status.asked for status in statuses)


def log_fired(statuses: Sequence[RuleStatus]) -> None:
    """Log the line that tells how many rules fired, whoever could be asked."""
    fired = sum(status.outcome == "fired" for status in statuses)
    if fired:
        log.info("%d rules fired", fired, extra={"event": "rules_fired", "fired": fired})


def _messages(audiences: Sequence[Audience], now: datetime) -> Iterator[RulesFired]:
    """Put small audiences together, up to what one transaction asks."""
    group: list[Audience] = []
    for audience in audiences:
        users = sum(each.users for each in group) + audience.users
        if group and (users > asking.USERS_A_PIECE or len(group) == AUDIENCES_A_MESSAGE):
            yield RulesFired(evaluated_at=now, audiences=tuple(group))
            group = []
        group.append(audience)
    if group:
        yield RulesFired(evaluated_at=now, audiences=tuple(group))


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
    if statuses:
        rule_status.store(tx, statuses, now)


def _pieces(
    shared_configs: Sequence[SharedConfig], failed_before: frozenset[str]
) -> Iterator[Sequence[SharedConfig]]:
    """Yield configs in pieces; what failed a minute ago is looked at apart from the others."""
    sound = [each for each in shared_configs if each.key not in failed_before]
    yield from isolation.in_chunks(sound, CONFIGS_A_PIECE)
    yield from ([each] for each in shared_configs if each.key in failed_before)


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
