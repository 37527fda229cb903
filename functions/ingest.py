"""Scheduler, each minute: fetch what is due for all users at once, store it, announce it."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import flask
import functions_framework

from common.errors import TransientError
from common.inputs import CryptoInput, DataInput, OptionInput, StockInput
from common.market import Snapshot, trading_day
from common.messages import SnapshotsIngested
from common.options import OptionSnapshot
from common.server_limits import ServerLimits
from common.sessions import CalendarDay, is_open_for
from functions import edge, wiring
from functions.wiring import Wiring
from infra.postgres.database import Database, Transaction
from infra.postgres.market import market_data, option_snapshots, sessions
from infra.postgres.market.market_data import Cursors
from infra.postgres.messages import outbox
from infra.postgres.users import config_inputs, configs
from infra.postgres.users.set_aside_rows import SetAsideRow
from infra.workflows import isolation
from infra.workflows.market_fetch import FetchResult, fetch_isolated, fetch_spot, merge
from infra.workflows.option_chains import OptionChains
from infra.workflows.price_basis import PriceBasis

log = logging.getLogger(__name__)

Fact = Snapshot | OptionSnapshot

# How far ahead the calendar is kept, should the broker not answer for some days.
_CALENDAR = timedelta(days=10)


@functions_framework.http
@edge.http_errors
@edge.post_only
def ingest(request: flask.Request) -> edge.Reply:  # noqa: ARG001 (the schedule says it all)
    """Store the market facts that some enabled user's input is due for."""
    app = wiring.current()
    if not app.ingests:
        log_done(FetchResult(), 0.0, 0)  # the schedule is alive all the same
        return {"skipped": "TRADING_ENABLED or TRADING_WORKER_INGEST_ENABLED is off"}, 200
    now = app.clock.now()
    with app.database.transaction() as tx:
        inputs = active_inputs(tx, app.settings.server_limits)
        cursors = market_data.last_fetches(tx, now)
    calendar = refresh_calendar(app, inputs, now)
    with app.database.transaction() as tx:
        due = due_inputs(inputs, cursors, sessions.day(tx, now), now)
    result = merge(fetch(app, due, inputs, cursors, now))
    basis = PriceBasis(app.database, app.market_data, app.trading, now)
    basis.update(stocks(due), result.facts)
    stored = store(app.database, result, now)
    log_done(result, lag(due, cursors, now), stored)
    app.relay.publish_committed()
    return reply(due, result, calendar, stored)


def active_inputs(tx: Transaction, limits: ServerLimits) -> list[DataInput]:
    """Collect the distinct inputs of all enabled users, as far as the server's cap goes."""
    return config_inputs.watched(tx, configs.active(tx, limits).shared, limits.max_server_symbols)


def refresh_calendar(app: Wiring, inputs: Sequence[DataInput], now: datetime) -> FetchResult:
    """Fetch the exchange's calendar once per trading day, if anybody watches the exchange."""

    def fetch_days() -> FetchResult:
        days = app.trading.calendar(trading_day(now), trading_day(now + _CALENDAR))
        with app.database.transaction() as tx:
            sessions.store(tx, days.found, now)
        return FetchResult(problems=days.problems)

    if all(isinstance(each, CryptoInput) for each in inputs):
        return FetchResult()
    with app.database.transaction() as tx:
        is_due = sessions.is_due(tx, now)
    return fetch_isolated("calendar", fetch_days) if is_due else FetchResult()


def stocks(inputs: Sequence[DataInput]) -> list[str]:
    """Collect the stocks of these inputs."""
    return [s for each in inputs if isinstance(each, StockInput) for s in each.symbols]


def due_inputs(
    inputs: Sequence[DataInput], cursors: Cursors, day: CalendarDay | None, now: datetime
) -> list[DataInput]:
    """Keep the inputs whose poll interval has passed and whose market is open."""
    return [
        each
        for each in inputs
        if each.is_due(cursors.get(each.key), now) and is_open_for(each, day, now)
    ]


def fetch(
    app: Wiring,
    due: Sequence[DataInput],
    active: Sequence[DataInput],
    cursors: Cursors,
    now: datetime,
) -> Iterator[FetchResult]:
    """Fetch each asset class and feed by itself: one that fails does not lose the others."""
    spot = [each for each in due if not isinstance(each, OptionInput)]
    yield from fetch_spot(app.market_data, spot, cursors, now)
    chains = OptionChains(
        app.market_data, app.trading, app.database, app.settings.alpaca_data_feed, now
    )
    yield from chains.fetch(_options(due), _options(active), cursors)


def store(database: Database, result: FetchResult, now: datetime) -> int:
    """Store the facts, then cursors and announcement together; return how many were new.

    A fact that cannot be stored is set aside by its name. A crash in between only means that they
    are fetched again.
    """
    if not result.cursors:
        return 0
    new: list[int] = []

    def keep(facts: Sequence[Fact]) -> None:
        with database.transaction() as tx:
            count = market_data.store(tx, [f for f in facts if isinstance(f, Snapshot)], now)
            options = [each for each in facts if isinstance(each, OptionSnapshot)]
            new.append(count + option_snapshots.store(tx, options, now))

    fetched: Sequence[Fact] = (*result.facts, *result.options)
    failed = [
        SetAsideRow(_name(fact), reason) for fact, reason in isolation.isolated(fetched, keep)
    ]
    with database.transaction() as tx:
        isolation.set_aside(tx, "fetched fact", failed, now)
        market_data.mark_fetched(tx, result.cursors, now)
        outbox.add(tx, SnapshotsIngested(ingested_at=now, stored=sum(new)), "snapshots", now)
    return sum(new)


def _name(fact: Fact) -> str:
    if isinstance(fact, OptionSnapshot):
        return f"{fact.contract} at {fact.as_of.isoformat()}"
    return f"{fact.metric} of {fact.symbol} at {fact.as_of.isoformat()}"


def lag(due: Sequence[DataInput], cursors: Cursors, now: datetime) -> float:
    """Return for how many seconds the most overdue input has been due; new inputs do not count."""
    late = [
        (now - cursors[each.key]).total_seconds() - each.poll_interval_seconds
        for each in due
        if each.key in cursors
    ]
    return max(late, default=0.0)


def log_done(result: FetchResult, lag_seconds: float, stored: int) -> None:
    """Log the line that metrics and alerts read."""
    facts = len(result.facts) + len(result.options)
    log.info(
        "%d market facts, %d of them new",
        facts,
        stored,
        extra={
            "event": "ingest_done",
            "lag_seconds": max(0.0, lag_seconds),
            "facts": facts,
            "stored": stored,
            "failures": len(result.failures),
        },
    )


def reply(
    due: Sequence[DataInput], result: FetchResult, calendar: FetchResult, stored: int
) -> edge.Reply:
    """Say what was fetched and what was not; raises TransientError when nothing could be."""
    issues = (calendar + result).issues
    for issue in issues:
        log.warning("%s: %s", issue.subject, issue.reason)
    if result.failures and not result.cursors:
        raise TransientError("; ".join(f"{each.subject}: {each.reason}" for each in issues))
    facts = len(result.facts) + len(result.options)
    body: dict[str, Any] = {"inputs": len(due), "facts": facts, "stored": stored}
    if issues:
        body["problems"] = [{"symbol": each.subject, "reason": each.reason} for each in issues]
    return body, 200


def _options(inputs: Sequence[DataInput]) -> tuple[OptionInput, ...]:
    return tuple(each for each in inputs if isinstance(each, OptionInput))
