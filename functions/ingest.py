"""Scheduler, each minute: fetch what is due for all users at once, store it, announce it."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import flask
import functions_framework

from common.errors import TransientError
from common.inputs import CryptoInput, DataInput, OptionInput
from common.market import trading_day
from common.messages import SnapshotsIngested
from common.sessions import CalendarDay, is_open_for
from functions import edge, wiring
from functions.wiring import Wiring
from infra.postgres import configs, market_data, option_snapshots, outbox, sessions
from infra.postgres.database import Transaction
from infra.workflows.market_fetch import Cursors, Harvest, attempt, fetch_spot, together
from infra.workflows.option_chains import OptionChains

log = logging.getLogger(__name__)

# How far ahead the calendar is kept, should the broker not answer for some days.
_CALENDAR = timedelta(days=10)


@functions_framework.http
@edge.answers
def ingest(request: flask.Request) -> edge.Reply:  # noqa: ARG001 (the schedule says it all)
    """Store the market facts that some enabled user's input is due for."""
    app = wiring.current()
    if not app.settings.trading_worker_ingest_enabled:
        return {"skipped": "TRADING_WORKER_INGEST_ENABLED is false"}, 200
    now = app.clock.now()
    with app.database.transaction() as tx:
        inputs, cursors = active_inputs(tx), market_data.last_fetches(tx)
    calendar = refresh_calendar(app, inputs, now)
    with app.database.transaction() as tx:
        due = due_inputs(inputs, cursors, sessions.day(tx, now), now)
    harvest = together(fetch(app, due, inputs, cursors, now))
    with app.database.transaction() as tx:
        stored = store(tx, harvest, now)
    say_done(harvest, lag(due, cursors, now), stored)
    app.relay.publish_committed()
    return answer(due, harvest, calendar, stored)


def active_inputs(tx: Transaction) -> list[DataInput]:
    """Collect the distinct inputs of all enabled users."""
    found = {each.key: each for shared in configs.active(tx) for each in shared.config.data_inputs}
    return list(found.values())


def refresh_calendar(app: Wiring, inputs: Sequence[DataInput], now: datetime) -> Harvest:
    """Fetch the exchange's calendar once per trading day, if anybody watches the exchange."""

    def fetch_days() -> Harvest:
        days = app.trading.calendar(trading_day(now), trading_day(now + _CALENDAR))
        with app.database.transaction() as tx:
            sessions.store(tx, days, now)
        return Harvest()

    if all(isinstance(each, CryptoInput) for each in inputs):
        return Harvest()
    with app.database.transaction() as tx:
        is_due = sessions.is_due(tx, now)
    return attempt("calendar", fetch_days) if is_due else Harvest()


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
) -> Iterator[Harvest]:
    """Fetch each asset class and feed by itself: one that fails does not lose the others."""
    spot = [each for each in due if not isinstance(each, OptionInput)]
    yield from fetch_spot(app.market_data, spot, cursors, now)
    chains = OptionChains(
        app.market_data, app.trading, app.database, app.settings.alpaca_data_feed, now
    )
    yield from chains.fetch(_options(due), _options(active), cursors)


def store(tx: Transaction, harvest: Harvest, now: datetime) -> int:
    """Store facts, cursors and the announcement together."""
    if not harvest.cursors:
        return 0
    stored = market_data.store(tx, harvest.facts, now)
    stored += option_snapshots.store(tx, harvest.options, now)
    market_data.mark_fetched(tx, harvest.cursors, now)
    outbox.add(tx, SnapshotsIngested(ingested_at=now, stored=stored), "snapshots", now)
    return stored


def lag(due: Sequence[DataInput], cursors: Cursors, now: datetime) -> float:
    """Tell for how long the most overdue input has been due, in seconds; new ones wait for none."""
    late = [
        (now - cursors[each.key]).total_seconds() - each.poll_interval_seconds
        for each in due
        if each.key in cursors
    ]
    return max(late, default=0.0)


def say_done(harvest: Harvest, lag_seconds: float, stored: int) -> None:
    """Log the line that metrics and alerts read."""
    facts = len(harvest.facts) + len(harvest.options)
    log.info(
        "%d market facts, %d of them new",
        facts,
        stored,
        extra={
            "event": "ingest_done",
            "lag_seconds": max(0.0, lag_seconds),
            "facts": facts,
            "stored": stored,
            "failures": len(harvest.failures),
        },
    )


def answer(
    due: Sequence[DataInput], harvest: Harvest, calendar: Harvest, stored: int
) -> edge.Reply:
    """Say what was fetched and what was not; raises TransientError when nothing could be."""
    told = (calendar + harvest).told
    for problem in told:
        log.warning("%s: %s", problem.subject, problem.reason)
    if harvest.failures and not harvest.cursors:
        raise TransientError("; ".join(f"{each.subject}: {each.reason}" for each in told))
    facts = len(harvest.facts) + len(harvest.options)
    reply: dict[str, Any] = {"inputs": len(due), "facts": facts, "stored": stored}
    if told:
        reply["problems"] = [{"symbol": each.subject, "reason": each.reason} for each in told]
    return reply, 200


def _options(inputs: Sequence[DataInput]) -> tuple[OptionInput, ...]:
    return tuple(each for each in inputs if isinstance(each, OptionInput))
