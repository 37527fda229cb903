"""`make bench-check`: counts that speed rests on, the same on every machine and at every load.

They are compared with bench/counts.json; `--write` replaces it, for a change that means to.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import flask

from common.questions import Answer
from functions.answer import take_answer
from functions.ask import ask_piece
from functions.evaluate import ask_all
from functions.submit_order import Submission
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.gcp.pubsub import PubsubPublisher
from infra.local.postgres import embedded_postgres
from infra.local.serving import HttpServer
from infra.postgres.connection import Connection
from infra.postgres.database import Database, Row, Transaction
from infra.postgres.trading import order_lists, orders
from infra.runtime.clock import SystemClock
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from infra.workflows.outbox_relay import Relay
from tests.bench.asking import announced
from tests.bench.crowd import LIMITS, NOW, crowd, prices, vacuum
from tests.bench.report import FOLDER
from tests.bench.year import store_orders

_EXPECTED = FOLDER / "counts.json"
_FEW, _MANY = 1_500, 6_000
_ORDERS = 20_000
# Pages of a statement depend on how full they are, and on how deep their indexes; a scan of what is
# others' is far above that.
_MOST_PAGES = {"among many": 1.25, "after a year": 1.5}


def main() -> None:
    """Compare, or with `--write` store; leave with status 1 and every difference."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres(Path(folder), keep=False) as server,
    ):
        counts = counted(server)
    if "--write" in sys.argv:
        _EXPECTED.write_text(json.dumps(counts, indent=2) + "\n")
    found = problems(counts)
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    sys.exit(1 if found else 0)


def problems(counts: dict[str, float]) -> list[str]:
    """Name each count that is not as expected, and each that grows with the users."""
    expected = json.loads(_EXPECTED.read_text())
    differ = [
        f"{name}: {counts.get(name)}, expected {expected.get(name)}"
        for name in sorted(counts.keys() | expected.keys())
        if "pages" not in name and counts.get(name) != expected.get(name)
    ]
    for where, most in _MOST_PAGES.items():
        ratio = counts[f"pages a user, {where}"] / counts["pages a user, among few"]
        if ratio > most:
            differ.append(f"asking a user reads {ratio:.2f} times the pages {where}")
    return differ


def counted(server: str) -> dict[str, float]:
    """Count what a tick, a piece, an answer and the relay do."""
    counts: dict[str, float] = {}
    for size, users in (("few", _FEW), ("many", _MANY)):
        with crowd(server, users, 1) as database, statements() as seen:
            counts |= {f"{name}, among {size}": n for name, n in _asked(database, seen)}
            if size == "few":
                counts |= dict(_answered(database, seen))
                counts |= dict(_submitted(database, seen))
                counts |= dict(_relayed(database, seen))
    with crowd(server, _MANY, 1) as database:
        counts["pages a user, after a year"] = _pages_after_a_year(server, database)
    return counts


def _pages_after_a_year(server: str, database: Database) -> float:
    """Ask all but one piece, where nobody had anything pending when statistics were last taken."""
    with database.transaction() as tx:
        store_orders(tx, _MANY, _ORDERS)
    vacuum(server, database)
    ask_all(database, LIMITS, NOW)
    (last, *others) = announced(database)
    for piece in others:
        ask_piece(database, piece, LIMITS, NOW)
    return _pages_of_a_claim(database, last) / last.audiences[0].users


def _asked(database: Database, seen: list[str]) -> Iterator[tuple[str, float]]:
    ask_all(database, LIMITS, NOW)
    yield "statements of a tick that asks", len(seen)
    (first, piece, *_) = announced(database)
    ask_piece(database, first, LIMITS, NOW)  # into indexes that are empty
    yield "pages a user", _pages_of_a_claim(database, piece) / piece.audiences[0].users
    seen.clear()
    ask_piece(database, piece, LIMITS, NOW)
    yield "statements of a piece", len(seen)
    later = NOW + timedelta(minutes=1)
    with database.transaction() as tx:
        prices(tx, 499, later)
    seen.clear()
    ask_all(database, LIMITS, later)
    yield "statements of a quiet tick", len(seen)


def _pages_of_a_claim(database: Database, piece: Any) -> float:
    """Ask within a transaction that is undone, and read what its statement touched."""
    execute, pages = Transaction.rows, list[float]()

    def explained(tx: Transaction, sql: str, **parameters: object) -> list[Row]:
        if "candidates AS" not in sql:
            return execute(tx, sql, **parameters)
        plan = execute(tx, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", **parameters)
        top = plan[0]["QUERY PLAN"][0]["Plan"]
        pages.append(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
        raise _UndoneError

    Transaction.rows = explained  # type: ignore[method-assign, assignment]
    try:
        ask_piece(database, piece, LIMITS, NOW)
    finally:
        Transaction.rows = execute  # type: ignore[method-assign]
    with database.transaction() as tx:
        tx.run("DELETE FROM set_aside_configs")
    return pages[0]


class _UndoneError(Exception):
    """What was explained is not to be kept."""


def _answered(database: Database, seen: list[str]) -> Iterator[tuple[str, float]]:
    """Answer, and publish what it says and nothing else."""
    with database.transaction() as tx:
        (pending,) = tx.rows(
            "SELECT question_id, firebase_uid FROM confirmations WHERE status = 'pending' LIMIT 1"
        )
    answer = Answer(**pending, answer=Decimal(10), answered_at=NOW)
    seen.clear()
    with database.transaction() as tx:
        take_answer(tx, answer, LIMITS, NOW)
    yield "statements of an answer", len(seen)
    seen.clear()
    with _published(database) as (relay, _), commits() as committed:
        relay.publish_committed_of(pending["firebase_uid"])
    yield "statements to publish an answer", len(seen)
    yield "transactions to publish an answer", len(committed)


def _submitted(database: Database, seen: list[str]) -> Iterator[tuple[str, float]]:
    """Send the order of that answer; what is known of its asset today is known."""
    with database.transaction() as tx:
        (order_id,) = order_lists.approved_ids(tx)
    with (
        SimulatedBroker(SimulatedClock(NOW)) as broker,
        HttpServer(broker.app) as server,
        closing(AlpacaHttp(server.url, broker.key_id, broker.secret_key)) as wire,
    ):
        broker.market.set_price("SPY", 492, prev_close=500, live=True)
        trading = AlpacaTrading(wire)
        seen.clear()
        with commits() as committed, database.exclusive(orders.delivery_of(order_id)) as session:
            if session is None:
                raise AssertionError("somebody else submits the order")
            Submission(session, AlpacaMarketData(wire), trading, LIMITS, NOW).run(order_id)
        if len(broker.ledger.orders()) != 1:
            raise AssertionError("the order was not sent")
    yield "statements of an order", len(seen)
    yield "transactions of an order", len(committed)


def _relayed(database: Database, seen: list[str]) -> Iterator[tuple[str, float]]:
    with _published(database) as (relay, requests):
        seen.clear()
        published = relay.publish_pending()
    yield "messages relayed", published
    yield "statements of the relay", len(seen)
    yield "requests to Pub/Sub", len(requests)


@contextmanager
def _published(database: Database) -> Iterator[tuple[Relay, list[int]]]:
    """Yield a relay, and how many messages each of its requests to Pub/Sub held."""
    requests: list[int] = []

    def publish(_: str) -> tuple[dict[str, list[str]], int]:
        requests.append(len(flask.request.get_json()["messages"]))
        return {"messageIds": []}, 200

    bus = flask.Flask(__name__)
    bus.add_url_rule("/<path:_>", view_func=publish, methods=["POST"])
    with HttpServer(bus) as receiver:
        publisher = PubsubPublisher("check", receiver.url.removeprefix("http://"))
        yield Relay(database, publisher, SystemClock()), requests
        publisher.close()


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the statements that run meanwhile; begin and commit are not among them."""
    seen: list[str] = []
    execute = Connection.execute

    def counting(self: Connection, sql: str, parameters: Mapping[str, object]) -> Any:
        seen.append(sql)
        return execute(self, sql, parameters)

    Connection.execute = counting  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        Connection.execute = execute  # type: ignore[method-assign]


@contextmanager
def commits() -> Iterator[list[Connection]]:
    """Collect the connections that commit meanwhile."""
    committed: list[Connection] = []
    commit = Connection.commit

    def counting(self: Connection) -> None:
        committed.append(self)
        commit(self)

    Connection.commit = counting  # type: ignore[method-assign]
    try:
        yield committed
    finally:
        Connection.commit = commit  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
