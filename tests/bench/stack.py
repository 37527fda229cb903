"""Cold starts, and the money path through the whole local stack."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import flask

from infra.alpaca.http import AlpacaHttp
from infra.alpaca.trading import AlpacaTrading
from infra.local.app_backend import AppBackend, send_answer
from infra.local.demo import MORNING
from infra.local.driver import Driver
from infra.local.stack import WEBHOOK_SECRET, Stack, User, local_stack
from infra.postgres.database import Database, connector
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from tests.bench.timing import REPEATS, Figure, timed

# What an entry point cannot do without: the denominator of its cold start. Of pydantic what any
# model takes: the package itself imports nothing before a name is used.
THIRD_PARTY = (
    "import functions_framework, flask, httpx, pg8000.dbapi, tenacity, pythonjsonlogger\n"
    "from pydantic import BaseModel\n"
    "class AnyModel(BaseModel, defer_build=True):\n    number: int"
)
_FUNCTIONS = ("ingest", "evaluate", "ask", "answer", "submit_order", "push_snapshot")
_AT_ONCE, _ALONE = 50, 15
_ID_BEGINS = len("cs-") + 36  # then comes what commits it to its terms
_A_MINUTE = timedelta(minutes=1)
_SECONDS = 60  # nothing takes as long


def imports() -> Iterator[Figure]:
    """Cold start: an entry point against the third-party libraries that it must use."""
    floor = "its third parties"
    codes = {floor: THIRD_PARTY} | {name: f"import functions.{name}" for name in _FUNCTIONS}
    took: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(REPEATS):  # in turn: a machine is slower at one time than at another
        for name, code in codes.items():
            took[name].append(timed(partial(_run, code)))
    for name in _FUNCTIONS:
        yield Figure(f"import functions.{name}", took[name], floor, took[floor], 1.3)


def _run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def money_path(folder: Path) -> Iterator[Figure]:
    """From the signed answer to the accepted order, alone and for fifty at once."""
    users = [User(f"bench-{n}") for n in range(_ALONE + _AT_ONCE)]
    app = AppBackend()
    with SimulatedBroker(SimulatedClock(MORNING)) as simulator:
        accepted = _Accepted(simulator)
        with local_stack(folder, simulator, app, users, keep=False) as stack:
            simulator.market.set_price("SPY", 492, prev_close=500, live=True)
            Driver(stack).ingest()
            questions = [(str(each.question_id), each.firebase_uid) for each in app.questions]
            if len(questions) < len(users):
                raise AssertionError(f"{len(questions)} of {len(users)} users were asked")
            # The requests that the broker allows in a minute are there again.
            simulator.clock.advance(_A_MINUTE)
            alone, floor = _one_by_one(stack, accepted, questions[:_ALONE])
            simulator.clock.advance(_A_MINUTE)
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                at_once = list(
                    threads.map(lambda each: _answered(stack, accepted, *each), questions[_ALONE:])
                )
            if len(simulator.ledger.orders()) != len(users):
                raise AssertionError("an order is missing, or there twice")
    floor_name = "4 commits + 3 broker calls + 3 of its clock"
    yield Figure("answer to accepted, alone (p50)", alone, floor_name, floor, 2)
    at_once.sort()
    p50, p99 = at_once[len(at_once) // 2], at_once[-1]
    yield Figure(f"answer to accepted, {_AT_ONCE} at once: p99", [p99], "p50", [p50], 5)
    yield Figure(f"answer to accepted, {_AT_ONCE} at once: p50", [p50], "alone", alone)


def _one_by_one(
    stack: Stack, accepted: "_Accepted", questions: Sequence[tuple[str, str]]
) -> tuple[list[float], list[float]]:
    """Answer each once what followed the answer before is over; return the seconds, and the floor.

    The floor is measured between the answers, in a process of its own as the functions are.
    """
    alone, floor = [], []
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        for each in questions:
            if not stack.bus.drain(_SECONDS):
                raise AssertionError("the stack has not come to rest")
            broker = (stack.broker_url, stack.simulator.key_id, stack.simulator.secret_key)
            floor.append(other.submit(_on_the_way, stack.database_url, *broker).result())
            alone.append(_answered(stack, accepted, *each))
    return alone, floor


def _on_the_way(database_url: str, *broker: str) -> float:
    """Sum what really happens on the way, each as the functions do it; in seconds.

    Commits: the answer, the message that was published, what was asked of the broker, the claim.
    Requests: the prices, the account, the order; and the clock, which the functions of this stack
    read at the broker for the answer, its message and the order.
    """
    with (
        closing(Database(connector(database_url))) as database,
        closing(AlpacaHttp(*broker)) as wire,
    ):
        trading = AlpacaTrading(wire)
        for _ in range(3):  # what the functions keep from call to call is there
            _commit(database)
            trading.now()
        commit = timed(lambda: _commit(database))
        return 4 * commit + 3 * timed(trading.account) + 3 * timed(trading.now)


class _Accepted:
    """The orders that the broker has accepted, told by its own replies: nobody has to ask it."""

    def __init__(self, simulator: SimulatedBroker) -> None:
        self._ids = set[str]()
        self._changed = threading.Condition()
        simulator.app.after_request(self._note)

    def wait_for(self, beginning: str) -> None:
        """Wait until an order whose id begins so has been accepted."""
        with self._changed:
            if not self._changed.wait_for(lambda: beginning in self._ids, _SECONDS):
                raise AssertionError(f"order {beginning} did not arrive")

    def _note(self, reply: flask.Response) -> flask.Response:
        if flask.request.path == "/v2/orders" and reply.status_code == HTTPStatus.OK:
            with self._changed:
                self._ids.add(flask.request.get_json()["client_order_id"][:_ID_BEGINS])
                self._changed.notify_all()
        return reply


def _answered(stack: Stack, accepted: _Accepted, question_id: str, uid: str) -> float:
    """Answer, and wait until the broker has the order; return the seconds."""
    at = stack.simulator.clock.now()
    begin = perf_counter()
    reply = send_answer(stack.client, WEBHOOK_SECRET, question_id, uid, Decimal(10), at)
    reply.raise_for_status()
    accepted.wait_for(f"cs-{question_id}")
    return perf_counter() - begin


def _commit(database: Database) -> None:
    with database.transaction() as tx:
        tx.run("UPDATE users SET firebase_uid = firebase_uid WHERE firebase_uid = 'bench-0'")
