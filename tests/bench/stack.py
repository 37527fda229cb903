"""Cold starts, and the money path through the whole local stack."""

import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter, sleep

from infra.local.app_backend import AppBackend, send_answer
from infra.local.demo import MORNING
from infra.local.driver import Driver
from infra.local.stack import WEBHOOK_SECRET, Stack, User, local_stack
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from tests.bench.timing import Figure, repeated

# What an entry point cannot do without: the denominator of its cold start. Of pydantic what any
# model takes: the package itself imports nothing before a name is used.
THIRD_PARTY = (
    "import functions_framework, flask, httpx, pg8000.dbapi, tenacity, pythonjsonlogger\n"
    "from pydantic import BaseModel\n"
    "class AnyModel(BaseModel, defer_build=True):\n    number: int"
)
_FUNCTIONS = ("ingest", "evaluate", "ask", "answer", "submit_order", "push_snapshot")
_AT_ONCE, _ALONE = 50, 15
_A_MINUTE = timedelta(minutes=1)


def imports() -> Iterator[Figure]:
    """Cold start: an entry point against the third-party libraries that it must use."""
    base = repeated(lambda: _run(THIRD_PARTY))
    for name in _FUNCTIONS:
        took = repeated(lambda name=name: _run(f"import functions.{name}"))  # type: ignore[misc]
        yield Figure(f"import functions.{name}", took, "its third parties", base, 1.3)


def _run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def money_path(folder: Path) -> Iterator[Figure]:
    """From the signed answer to the accepted order, alone and for fifty at once."""
    users = [User(f"bench-{n}") for n in range(_ALONE + _AT_ONCE)]
    app = AppBackend()
    with (
        SimulatedBroker(SimulatedClock(MORNING)) as simulator,
        local_stack(folder, simulator, app, users, keep=False) as stack,
    ):
        simulator.market.set_price("SPY", 492, prev_close=500, live=True)
        Driver(stack).ingest()
        accepted = _Accepted(simulator)
        questions = [(str(each.question_id), each.firebase_uid) for each in app.questions]
        if len(questions) < len(users):
            raise AssertionError(f"{len(questions)} of {len(users)} users were asked")
        simulator.clock.advance(
            _A_MINUTE
        )  # the requests that the broker allows in one are there again
        alone = [_answered(stack, accepted, *each) for each in questions[:_ALONE]]
        commit = statistics.median(repeated(lambda: _commit(stack.database), 20))
        keys = {"APCA-API-KEY-ID": "sim-key", "APCA-API-SECRET-KEY": "sim-secret"}
        url = f"{stack.broker_url}/v2/account"
        broker = statistics.median(repeated(lambda: stack.client.get(url, headers=keys), 20))
        before = accepted.count()
        simulator.clock.advance(_A_MINUTE)
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            at_once = list(
                threads.map(lambda each: _answered(stack, accepted, *each), questions[_ALONE:])
            )
        if accepted.count() - before != _AT_ONCE:
            raise AssertionError("an order is missing, or there twice")
    # Commits: answer, outbox, claim, record, outbox; broker: five facts at once, and the order.
    floor = [5 * commit + 6 * broker]
    yield Figure("answer to accepted, alone (p50)", alone, "5 commits + 6 broker calls", floor, 2)
    at_once.sort()
    p50, p99 = at_once[len(at_once) // 2], at_once[-1]
    yield Figure(f"answer to accepted, {_AT_ONCE} at once: p99", [p99], "p50", [p50], 5)
    yield Figure(f"answer to accepted, {_AT_ONCE} at once: p50", [p50], "alone", alone)


class _Accepted:
    """Which orders the broker has; read by all who wait."""

    def __init__(self, simulator: SimulatedBroker) -> None:
        self._simulator = simulator
        self._lock = threading.Lock()

    def count(self) -> int:
        """How many orders there are."""
        return len(self._simulator.ledger.orders())

    def has(self, beginning: str) -> bool:
        """Tell whether an order whose id begins so has arrived."""
        with self._lock:
            ids = [order.client_order_id for order in self._simulator.ledger.orders()]
        return any(each.startswith(beginning) for each in ids)


def _answered(stack: Stack, accepted: _Accepted, question_id: str, uid: str) -> float:
    """Answer, and wait until the broker has the order; return the seconds."""
    at = stack.simulator.clock.now()
    begin = perf_counter()
    reply = send_answer(stack.client, WEBHOOK_SECRET, question_id, uid, Decimal(10), at)
    reply.raise_for_status()
    while not accepted.has(f"cs-{question_id}-"):
        if perf_counter() - begin > 60:
            raise AssertionError(f"the order of {uid} did not arrive")
        sleep(0.002)
    return perf_counter() - begin


def _commit(database: Database) -> None:
    with database.transaction() as tx:
        tx.run("UPDATE users SET firebase_uid = firebase_uid WHERE firebase_uid = 'bench-0'")
