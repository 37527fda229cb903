"""Scheduler, each minute: fetch what is due for all users at once, store it, announce it."""

import itertools
from collections.abc import Sequence
from datetime import datetime

import flask
import functions_framework

from common.config import DataInput, is_due
from common.market import Snapshot
from common.messages import SnapshotsIngested
from functions import edge, wiring
from infra.alpaca.market_data import AlpacaMarketData
from infra.postgres import configs, market_data, outbox
from infra.postgres.database import Transaction


@functions_framework.http
@edge.answers
def ingest(request: flask.Request) -> edge.Reply:  # noqa: ARG001 (the schedule says it all)
    """Store the market facts that some enabled user's input is due for."""
    app = wiring.current()
    if not app.settings.trading_worker_ingest_enabled:
        return {"skipped": "TRADING_WORKER_INGEST_ENABLED is false"}, 200
    now = app.clock.now()
    with app.database.transaction() as tx:
        due = due_inputs(tx, now)
    facts = fetch(app.market_data, due)
    with app.database.transaction() as tx:
        stored = store(tx, due, facts, now)
    app.relay.publish_committed()
    return {"inputs": len(due), "facts": len(facts), "stored": stored}, 200


def due_inputs(tx: Transaction, now: datetime) -> list[DataInput]:
    """Collect the distinct inputs of all enabled users whose poll interval has passed."""
    fetched = market_data.last_fetches(tx)
    inputs = {each.key: each for shared in configs.active(tx) for each in shared.config.data_inputs}
    return [each for key, each in inputs.items() if is_due(each, fetched.get(key), now)]


def fetch(broker: AlpacaMarketData, inputs: Sequence[DataInput]) -> list[Snapshot]:
    """Ask the broker once per feed for the union of all symbols; keep the metrics asked for."""
    wanted = {
        (each.feed, symbol, metric)
        for each in inputs
        for symbol in each.symbols
        for metric in each.metrics
    }
    symbols = sorted({(feed, symbol) for feed, symbol, _ in wanted})
    by_feed = itertools.groupby(symbols, key=lambda pair: pair[0])
    return [
        fact
        for feed, group in by_feed
        for fact in broker.snapshots([symbol for _, symbol in group], feed)
        if (feed, fact.symbol, fact.metric) in wanted
    ]


def store(
    tx: Transaction, due: Sequence[DataInput], facts: Sequence[Snapshot], now: datetime
) -> int:
    """Store facts, cursors and the announcement together."""
    if not due:
        return 0
    stored = market_data.store(tx, facts, now)
    market_data.mark_fetched(tx, [each.key for each in due], now)
    outbox.add(tx, SnapshotsIngested(ingested_at=now, stored=stored), "snapshots", now)
    return stored
