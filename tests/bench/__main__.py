"""`make bench`: speed as ratios within one run, because machines differ and are noisy.

python -m tests.bench [USERS]
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from functions.evaluate import ask_all
from infra.local.app_backend import AppBackend, send_answer
from infra.local.demo import MORNING
from infra.local.driver import Driver
from infra.local.stack import WEBHOOK_SECRET, Stack, User, local_stack
from infra.postgres.database import Database, Transaction
from infra.postgres.market import market_data
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from tests.bench.snapshot import snapshot
from tests.bench.timing import median, timed

DEMO_USER = User("demo-user")
# What an entry point cannot do without: the denominator of its cold start.
THIRD_PARTY = (
    "functions_framework, flask, pydantic, httpx, pg8000.dbapi, tenacity, pythonjsonlogger"
)
# What asking a user writes, and nothing else: state, opportunity, confirmation, question, message.
BARE_INSERT = "INSERT INTO bench_bare SELECT gen_random_uuid(), firebase_uid, now() FROM users"
ROWS_PER_QUESTION = 5


def imports() -> Iterator[tuple[str, float, float]]:
    """Cold start: an entry point against the third-party libraries that it must use."""
    base = median(lambda: _run(f"import {THIRD_PARTY}"))
    for name in ("ingest", "evaluate", "answer", "submit_order", "push_snapshot"):
        yield f"import functions.{name}", median(lambda n=name: _run(f"import functions.{n}")), base  # type: ignore[misc]


def _run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def evaluation(stack: Stack, users: int) -> Iterator[tuple[str, float, float]]:
    """A quiet tick and one that asks everybody, against the bare SQL that must run."""
    _enroll(stack.database, users)

    def distinct_configs() -> None:
        with stack.database.transaction() as tx:
            tx.rows(
                "SELECT DISTINCT ON (config_key) config_key, template_name, config"
                " FROM user_trading_config WHERE enabled ORDER BY config_key"
            )

    def tick() -> None:
        with stack.database.transaction() as tx:
            ask_all(tx, stack.simulator.clock.now())

    def bare_inserts() -> None:
        with stack.database.transaction() as tx:
            for _ in range(ROWS_PER_QUESTION):
                tx.run(BARE_INSERT)

    with stack.database.transaction() as tx:
        tx.run("CREATE TABLE bench_bare (id uuid PRIMARY KEY, uid text, at timestamptz)")
    asking, inserting = timed(tick), timed(bare_inserts)
    yield f"tick that asks {users:,} users / {ROWS_PER_QUESTION} bare INSERTs", asking, inserting
    stack.simulator.market.set_price("SPY", 499, live=True)
    stack.simulator.clock.advance(timedelta(minutes=1))
    stack.call("ingest").raise_for_status()
    yield f"quiet tick over {users:,} users / its GROUP BY", median(tick), median(distinct_configs)


def _enroll(database: Database, users: int) -> None:
    with database.transaction() as tx:
        tx.run("INSERT INTO users SELECT 'bench-' || n FROM generate_series(1, :n) n", n=users)
        tx.run(
            """
            INSERT INTO user_trading_config (firebase_uid, template_name, config, enabled)
            SELECT 'bench-' || n, 'default_paper_watchlist',
                   jsonb_build_object('max_staleness_seconds', 200 + n % 100), true
            FROM generate_series(1, :n) n
            """,
            n=users,
        )
        tx.run("ANALYZE user_trading_config")


def money_path(stack: Stack, drive: Driver) -> Iterator[tuple[str, float, float]]:
    """From the signed answer to the accepted order: its commits and the broker's own time."""
    question = stack.app.questions[0]
    at = stack.simulator.clock.now()

    def answer_and_submit() -> None:
        send_answer(
            stack.client,
            WEBHOOK_SECRET,
            str(question.question_id),
            question.firebase_uid,
            Decimal(10),
            at,
        ).raise_for_status()
        while not stack.simulator.ledger.orders():
            pass

    took = timed(answer_and_submit)
    drive.reconcile()
    commit = median(lambda: _commit(stack.database))
    keys = {"APCA-API-KEY-ID": "sim-key", "APCA-API-SECRET-KEY": "sim-secret"}
    broker = median(lambda: stack.client.get(f"{stack.broker_url}/v2/account", headers=keys))
    # Commits: answer, outbox, claim, record, outbox; broker: five facts at once, and the order.
    yield "answer -> accepted / 5 commits + 6 broker calls", took, 5 * commit + 6 * broker


def _commit(database: Database) -> None:
    with database.transaction() as tx:
        tx.run("UPDATE users SET firebase_uid = firebase_uid WHERE firebase_uid = 'demo-user'")


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements that run meanwhile; begin and commit are not among them."""
    statements: list[str] = []
    execute = Transaction._execute

    def counting(self: Transaction, sql: str, parameters: dict[str, object]) -> Any:
        statements.append(sql)
        return execute(self, sql, parameters)

    Transaction._execute = counting  # type: ignore[method-assign]
    try:
        yield statements
    finally:
        Transaction._execute = execute  # type: ignore[method-assign]


def round_trips(stack: Stack) -> Iterator[tuple[str, int]]:
    """Statements of one evaluation: the same for one user and for all of them."""
    now = stack.simulator.clock.now()
    with stack.database.transaction() as tx, counted() as statements:
        ask_all(tx, now)
    yield "evaluate, nobody asked (statements)", len(statements)
    with stack.database.transaction() as tx, counted() as statements:
        market_data.last_fetches(tx)
        market_data.store(tx, [], now)
    yield "ingest, reading cursors and storing (statements)", len(statements)


def main() -> None:
    """Run everything once and print one table."""
    users = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    console = Console()
    table = Table("what", "seconds", "against", "ratio")

    def show(rows: Iterator[tuple[str, float, float]]) -> None:
        for what, seconds, against in rows:
            console.print(f"  {what}: {seconds / against:.2f}")
            table.add_row(what, f"{seconds:.4f}", f"{against:.4f}", f"{seconds / against:.2f}")

    show(imports())
    with (
        tempfile.TemporaryDirectory() as folder,
        SimulatedBroker(SimulatedClock(MORNING)) as simulator,
        local_stack(
            Path(folder), simulator, AppBackend(), [User("demo-user")], keep=False
        ) as stack,
    ):
        drive = Driver(stack)
        simulator.market.set_price("SPY", 492, prev_close=500, live=True)
        drive.ingest()
        show(money_path(stack, drive))
        show(evaluation(stack, users))
        trips: dict[str, Any] = dict(round_trips(stack))
        show(snapshot(Path(folder) / "kpis"))
    console.print(table)
    for what, count in trips.items():
        console.print(f"  {what}: {count}")


if __name__ == "__main__":
    main()
