"""A connection that failed in any way is never given to anybody in a state that is not known.

Each test lets something raise while a statement is on its way and then asks honest questions on the
same pool: their answers must be theirs, and what was stored must be whole.
"""

import ctypes
import gc
import itertools
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import partial
from types import FrameType
from typing import ClassVar

import pg8000.dbapi
import pytest
from pg8000.core import DATA_ROW, READY_FOR_QUERY, SYNC_MSG

from common.errors import OutcomeUnknownError, TransientError
from infra.local.postgres import create_database
from infra.postgres import driver
from infra.postgres.database import Database, connector
from infra.postgres.driver import DriverConnection
from tests.contract.faulty_socket import Direction, Wire, boundaries, record


class CancelledThread(BaseException):
    """What a framework raises inside a thread to end it."""


RAISED: tuple[type[BaseException], ...] = (
    ConnectionResetError,
    TimeoutError,
    KeyboardInterrupt,
    OverflowError,
    CancelledThread,
)


@pytest.fixture(scope="module")
def database_url(postgres: str) -> str:
    """URL of a database with two counters that are always equal."""
    create_database(postgres, "faults")
    url = postgres.replace("/countersign?", "/faults?")
    database = Database(connector(url), size=1)
    with database.transaction() as tx:
        tx.run("CREATE TABLE counters (name text PRIMARY KEY, n integer, about jsonb)")
        tx.run("""INSERT INTO counters VALUES ('a', 0, '{"x": 1.50}'), ('b', 0, '[]')""")
    database.close()
    return url


@pytest.fixture
def wire(database_url: str) -> Wire:
    return Wire(database_url)


@pytest.fixture
def pool(wire: Wire) -> Iterator[Database]:
    """One connection, so that whoever comes next is given the one that failed, if it is kept."""
    database = Database(wire.connect, size=1, timeout_seconds=0.1)
    assert_honest(database)
    yield database
    database.close()


_questions = itertools.count(1_000)


def assert_honest(database: Database) -> None:
    """Ask as others would; each must get the answer to their own question."""
    for number in itertools.islice(_questions, 3):
        with database.transaction() as tx:
            assert tx.rows("SELECT :n::int AS n, :name AS name", n=number, name="x") == [
                {"n": number, "name": "x"}
            ]
            assert tx.rows("SELECT 'plain' AS plain") == [{"plain": "plain"}]


def counters(database: Database) -> list[int]:
    with database.transaction() as tx:
        return [row["n"] for row in tx.rows("SELECT n FROM counters ORDER BY name")]


def let_the_lost_end(database: Database) -> None:
    """Wait until the server has done what lost connections sent, and given back their locks."""
    others = """SELECT 1 FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                AND backend_type = 'client backend'"""
    with database.transaction() as tx:
        while tx.rows(others):
            tx.run("SELECT pg_stat_clear_snapshot(), pg_sleep(0.001)")


def count(database: Database) -> None:
    """Store two things in one transaction, and look at one of them."""
    with database.transaction() as tx:
        raised = "UPDATE counters SET n = n + 1 WHERE name = :name RETURNING name, about"
        assert tx.rows(raised, name="a")[0]["name"] == "a"
        assert tx.run("UPDATE counters SET n = n + 1 WHERE name = 'b'") == 1


def be_refused(database: Database) -> None:
    """Fail by the server's own word in the second statement: nothing is stored."""
    with (
        suppress(pg8000.dbapi.DatabaseError, TransientError),
        database.transaction() as tx,
    ):
        tx.run("UPDATE counters SET n = n + :by WHERE name = 'a'", by=1)
        tx.rows("SELECT 1 / :zero::int", zero=0)


def set_aside(database: Database) -> None:
    """Let one piece fail; the rest goes on and is stored whole."""
    with database.transaction() as tx:
        tx.run("UPDATE counters SET n = n + 1 WHERE name = 'a'")
        with suppress(pg8000.dbapi.DatabaseError), tx.savepoint():
            tx.run("UPDATE counters SET n = n + 7 WHERE name = 'b'")
            tx.rows("SELECT :text::int", text="no number")
        tx.run("UPDATE counters SET n = n + 1 WHERE name = 'b'")


def hold_a_lock(database: Database) -> None:
    """Count under a lock of the connection's; who finds it held counts nothing."""
    with database.exclusive("count") as session:
        if session is None:
            raise TransientError("held")
        with session.transaction() as tx:
            tx.run("UPDATE counters SET n = n + :by", by=1)


WORK = (count, be_refused, set_aside, hold_a_lock)


@pytest.mark.parametrize("direction", ["sent", "received"])
@pytest.mark.parametrize("work", WORK)
def test_a_failure_at_any_byte_costs_nobody_elses_answer(
    work: Callable[[Database], None], direction: Direction, wire: Wire, pool: Database
) -> None:
    stream = record(wire, direction, lambda: work(pool))
    at_boundaries = set(boundaries(stream))
    assert len(at_boundaries) > 5
    failures = 0
    for position in range(len(stream)):
        kinds = RAISED if position in at_boundaries else [RAISED[position % len(RAISED)]]
        for kind in kinds:
            before = counters(pool)
            wire.fail(direction, position, kind())
            raised = attempt(work, pool)
            failures += wire.has_failed
            wire.fail(direction, 0, kind())
            wire._raises = None

            assert_honest(pool)
            let_the_lost_end(pool)
            after = counters(pool)
            assert len(set(after)) == 1, (position, kind)
            if raised is None and work is not be_refused:
                assert after[0] == before[0] + 1
            assert after[0] - before[0] in {0, 1}
    assert failures >= len(stream)


def attempt(work: Callable[[Database], None], pool: Database) -> BaseException | None:
    """Work; an attempt for which no connection or lock is to be had is not one."""
    try:
        work(pool)
    except BaseException as error:  # noqa: BLE001 (that it may be anything is the point)
        return error
    return None


class Surprise:
    """A parameter whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("surprise")


BEYOND_UTC = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59)))
PARAMETERS = {
    "an instant before the year one in UTC": ("timestamptz", BEYOND_UTC),
    "a lone surrogate": ("text", "\ud800"),
    "an object that cannot be written": ("text", Surprise()),
    "a list of one": ("text[]", [["a"], "\ud800"]),
    "a number of more digits than Python writes": ("numeric", 10**5_000),
    "a NUL": ("text", "a\0b"),
}
RESULTS = {
    "a number of more digits than Python reads": "('1' || repeat('0', 5000))::jsonb",
}
if sys.version_info < (3, 14):  # which reads as deep as the server's stack lets it write
    RESULTS["a document that is nested too deep"] = (
        "(repeat('[', 12000) || repeat(']', 12000))::jsonb"
    )


class TestConversions:
    @pytest.mark.parametrize("name", PARAMETERS)
    def test_a_parameter_that_cannot_be_sent(self, name: str, pool: Database) -> None:
        cast, value = PARAMETERS[name]
        for _ in range(3):
            with pytest.raises(Exception), pool.transaction() as tx:  # noqa: B017, PT011 (any)
                tx.rows(f"SELECT :value::{cast} AS value", value=value)

            assert_honest(pool)

    @pytest.mark.parametrize("name", RESULTS)
    def test_a_result_that_cannot_be_read(self, name: str, pool: Database) -> None:
        for _ in range(3):
            with (
                pytest.raises((ValueError, RecursionError)),
                pool.transaction() as tx,
            ):
                tx.rows(f"SELECT {RESULTS[name]} AS value, :n::int AS n", n=1)

            assert_honest(pool)

    def test_one_that_is_swallowed_is_never_a_commit(self, pool: Database) -> None:
        before = counters(pool)

        def swallow() -> None:
            with pool.transaction() as tx:
                tx.run("UPDATE counters SET n = n + 1 WHERE name = 'a'")
                with suppress(OverflowError):
                    tx.rows("SELECT :at::timestamptz", at=BEYOND_UTC)

        with pytest.raises(TransientError):
            swallow()

        assert counters(pool) == before


class TestSavepoints:
    def test_a_piece_that_fails_costs_itself_alone(self, pool: Database) -> None:
        before = counters(pool)[0]

        set_aside(pool)

        assert counters(pool) == [before + 1] * 2

    def test_a_piece_that_breaks_the_connection_costs_the_transaction(self, pool: Database) -> None:
        before = counters(pool)

        def go_on() -> None:
            with pool.transaction() as tx:
                with suppress(OverflowError), tx.savepoint():
                    tx.rows("SELECT :at::timestamptz", at=BEYOND_UTC)
                tx.run("UPDATE counters SET n = n + 1")

        with pytest.raises(TransientError):
            go_on()

        assert counters(pool) == before
        assert_honest(pool)

    def test_pieces_stand_in_pieces(self, pool: Database) -> None:
        before = counters(pool)[0]
        with pool.transaction() as tx, tx.savepoint():
            tx.run("UPDATE counters SET n = n + 1")
            with suppress(pg8000.dbapi.DatabaseError), tx.savepoint():
                tx.run("UPDATE counters SET n = n + 5")
                tx.run("SELECT 1 / 0")

        assert counters(pool) == [before + 1] * 2


class LaggingConnection(DriverConnection):
    """A driver with a fault that nobody has thought of: once, it asks more than it reads."""

    lags: ClassVar = itertools.chain([True], itertools.repeat(False))

    def send_EXECUTE(self) -> None:  # noqa: N802 (the driver's)
        super().send_EXECUTE()
        if next(self.lags):
            self._sock.write(SYNC_MSG)
            self.send_QUERY("SELECT 'stolen'")


def test_a_lag_without_an_exception_is_found_before_the_commit(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def connect() -> LaggingConnection:
        connection: LaggingConnection = connector(database_url)()
        connection.__class__ = LaggingConnection
        return connection

    database = Database(connect, size=1)
    before = counters(database)

    def lag() -> None:
        with database.transaction() as tx:
            tx.run("UPDATE counters SET n = n + 1")
            tx.rows("SELECT :n::int", n=1)

    with pytest.raises(OutcomeUnknownError):
        lag()

    assert_honest(database)
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert counters(database)[0] - before[0] in {0, 1}  # that the outcome is unknown is true
    database.close()


def test_a_statement_with_parameters_takes_one_round_trip(wire: Wire, pool: Database) -> None:
    """The server says that it is ready once for each request that was waited for."""
    with pool.transaction() as tx:
        received = record(wire, "received", partial(tx.rows, "SELECT :n::int AS n", n=1))

    letters = [received[at : at + 1] for at in boundaries(received)]
    assert letters.count(READY_FOR_QUERY) == 1
    assert DATA_ROW in letters


def test_a_statement_is_read_once_however_often_it_runs(pool: Database) -> None:
    """The driver reads letter by letter where its parameters are."""
    driver._numbered.cache_clear()
    for n in range(3):
        with pool.transaction() as tx:
            assert tx.rows("SELECT :n::int AS n", n=n) == [{"n": n}]

    assert driver._numbered.cache_info().misses == 1


def test_those_that_died_with_the_first_are_not_waited_for(wire: Wire) -> None:
    database = Database(wire.connect, size=3)
    with database.transaction(), database.transaction(), database.transaction():
        pass
    assert len(database._idle) == 3

    wire.fail("received", 0, TimeoutError())  # as for a connection that died without a word
    assert_honest(database)

    assert wire.has_failed
    assert len(database._idle) == 1
    database.close()


class TestInterruptions:
    """An exception may come between any two steps of the interpreter."""

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_by_a_signal(self, wire: Wire) -> None:
        database = Database(wire.connect, size=500)

        struck = []

        def interrupt(_number: int, _frame: FrameType | None) -> None:
            struck.append(1)
            raise KeyboardInterrupt

        # (the alarm is the time limit's)
        previous = signal.signal(signal.SIGPROF, interrupt)
        chance = random.Random(7)
        for _ in range(200):
            with suppress(KeyboardInterrupt, OutcomeUnknownError):
                try:
                    signal.setitimer(signal.ITIMER_PROF, chance.uniform(0.0001, 0.006))
                    for _ in range(20):
                        count(database)
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
            assert_honest(database)
        signal.signal(signal.SIGPROF, previous)

        assert struck
        assert len(set(counters(database))) == 1
        database.close()
        gc.collect()  # what was struck while it opened is still in the exceptions' frames

    # It may strike between the opening of a socket and the first name for it.
    @pytest.mark.filterwarnings("ignore:unclosed <tests.contract:ResourceWarning")
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_by_the_end_of_a_thread(self, wire: Wire) -> None:
        database = Database(wire.connect, size=500)

        def work() -> None:
            with suppress(CancelledThread):
                while True:
                    count(database)

        for _ in range(100):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            assert_honest(database)
            while thread.is_alive():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread.ident or 0), ctypes.py_object(CancelledThread)
                )
                thread.join(0.002)
            assert_honest(database)

        assert len(set(counters(database))) == 1
        database.close()
        gc.collect()
