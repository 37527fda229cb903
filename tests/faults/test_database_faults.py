"""The connection to the database breaks at the worst moments; the caller tries again; all is once.

Nothing is retried in place: a broken transaction left nothing behind, or it left everything and
nobody knows (`OutcomeUnknownError`). Either way it is run again as a whole by who asked for it:
Pub/Sub, Cloud Scheduler, or the app backend.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from common.errors import OutcomeUnknownError, TransientError
from common.messages import SnapshotsIngested
from functions import wiring
from infra.local.postgres import embedded_postgres
from infra.postgres.connection import Connection
from infra.postgres.database import Database, connector
from infra.postgres.messages import outbox
from infra.postgres.migrate import migrate
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, USER, enroll, function, rows
from tests.faults.proxy import Cut, Proxy
from tests.functions.steps import asked, deliver, messages, submit, swipe, tick

pytestmark = pytest.mark.usefixtures("environment")

Call = Callable[[], TestResponse]
Questions = list[tuple[str, UUID]]

# More than any function makes.
MOST_COMMITS = 24


@pytest.fixture
def proxy(environment: pytest.MonkeyPatch, database_url: str) -> Iterator[Proxy]:
    """What stands between the functions and their database; tests read past it."""
    with Proxy(database_url) as proxy:
        environment.setenv("DATABASE_URL", proxy.url)
        wiring.reset()
        yield proxy
        wiring.reset()


@pytest.fixture
def questions(db: Database, proxy: Proxy) -> Questions:
    """As many users as there may be commits, each with a question."""
    for number in range(MOST_COMMITS):
        enroll(db, f"user-{number}")
    assert tick().status_code == 200
    assert proxy.commits > 0  # the functions' way leads through it
    pending = rows(db, "SELECT firebase_uid, question_id FROM confirmations")
    return [(row["firebase_uid"], row["question_id"]) for row in pending]


def yes_to(question: tuple[str, UUID]) -> TestResponse:
    uid, question_id = question
    return swipe(question_id, 10, uid)


def approve(question: tuple[str, UUID]) -> UUID:
    return UUID(yes_to(question).get_json()["order_id"])


def cut_each_commit(prepare: Callable[[int], Call], cut: Cut, proxy: Proxy) -> int:
    """Cut the first commit of a call, the second of a fresh one, and so on; try each again.

    Returns how many there were: it ends with a call that has no such commit.
    """
    for number in range(1, MOST_COMMITS):
        call = prepare(number)
        proxy.cut(cut, number)
        reply = call()
        # Only publishing may fail without a word: what is in the outbox is published later.
        assert reply.status_code in {200, 500, 503}, reply.text
        if not proxy.has_cut:
            assert reply.status_code == 200, reply.text
            return number - 1
        if reply.status_code != 200:
            reply = call()
            while reply.status_code == 503:  # the server has yet to see that a connection is lost
                reply = call()
            assert reply.status_code == 200, reply.text
    raise AssertionError("it never ended")


def test_no_statement_over_tcp_waits_for_an_acknowledgement(proxy: Proxy) -> None:
    driver = connector(proxy.url)()
    connection = Connection(driver)
    try:
        assert driver._usock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        connection.close()


@pytest.mark.parametrize("cut", list(Cut))
class TestAtEveryCommitOfEveryFunction:
    """A call that broke off is made again as a whole, and its effect is there once."""

    def test_a_yes_is_one_order(
        self, db: Database, simulator: SimulatedBroker, proxy: Proxy, questions: Questions, cut: Cut
    ) -> None:
        commits = cut_each_commit(lambda n: lambda: yes_to(questions[n]), cut, proxy)
        function("relay_outbox").post("/")

        assert commits >= 2  # the decision, and the publishing
        orders = [row["id"] for row in rows(db, "SELECT id FROM trade_orders")]
        announced = [UUID(each["order_id"]) for each in messages(db, "orders-approved")]
        assert len(orders) == commits + 1
        assert sorted(announced) == sorted(orders)
        for order_id in orders:
            submit(order_id)
        assert len(simulator.ledger.orders()) == commits + 1

    def test_an_approval_is_one_order_at_the_broker(
        self, db: Database, simulator: SimulatedBroker, proxy: Proxy, questions: Questions, cut: Cut
    ) -> None:
        def an_approval(number: int) -> Call:
            order_id = approve(questions[number])
            return lambda: submit(order_id)

        commits = cut_each_commit(an_approval, cut, proxy)

        assert commits >= 6  # lock, read, config, claim, record, publishing, unlock
        at_broker = {order.client_order_id: order.id for order in simulator.ledger.orders()}
        stored = rows(db, "SELECT client_order_id, alpaca_order_id, status FROM trade_orders")
        assert len(simulator.ledger.orders()) == len(stored) == commits + 1
        assert {row["client_order_id"]: row["alpaca_order_id"] for row in stored} == at_broker
        # What had to be looked up was filled meanwhile.
        assert {row["status"] for row in stored} <= {"pending_new", "filled"}
        assert len(messages(db, "trade-updates")) == commits + 1

    def test_a_fill_is_booked_once(
        self, db: Database, simulator: SimulatedBroker, proxy: Proxy, questions: Questions, cut: Cut
    ) -> None:
        def a_fill(number: int) -> Call:
            assert submit(approve(questions[number])).status_code == 200
            simulator.clock.advance(timedelta(seconds=5))
            return lambda: function("reconcile_orders").post("/")

        commits = cut_each_commit(a_fill, cut, proxy)

        assert commits >= 4  # what is open, the record, the publishing
        fills, trades = (rows(db, f"SELECT qty FROM {table}") for table in ("fills", "trades"))  # noqa: S608
        assert len(fills) == len(trades) == commits + 1
        held = simulator.ledger.positions()[0].qty
        assert sum(fill["qty"] for fill in fills) == sum(trade["qty"] for trade in trades) == held
        statuses = [update["status"] for update in messages(db, "trade-updates")]
        assert statuses == ["pending_new", "filled"] * (commits + 1)

    def test_a_rule_that_fired_asks_once(
        self, db: Database, simulator: SimulatedBroker, proxy: Proxy, cut: Cut
    ) -> None:
        enroll(db, "user-0")
        asked(db, "user-0")

        def a_user(number: int) -> Call:
            enroll(db, f"user-{number}")
            message = SnapshotsIngested(ingested_at=NOON, stored=1)
            return lambda: deliver("evaluate", message)

        commits = cut_each_commit(a_user, cut, proxy)

        assert commits >= 3  # the evaluation, and the publishing
        questions = rows(db, "SELECT question_id FROM confirmations")
        announced = [UUID(each["question_id"]) for each in messages(db, "questions-created")]
        assert len(questions) == commits + 2
        assert sorted(announced) == sorted(row["question_id"] for row in questions)
        assert simulator.ledger.orders() == []

    def test_a_tick_is_stored_once(
        self, db: Database, simulator: SimulatedBroker, proxy: Proxy, cut: Cut
    ) -> None:
        enroll(db, USER)

        def a_minute(_number: int) -> Call:
            simulator.clock.advance(timedelta(minutes=1))
            return lambda: function("ingest").post("/")

        commits = cut_each_commit(a_minute, cut, proxy)

        assert commits >= 4
        distinct = "SELECT DISTINCT symbol, metric, feed, as_of FROM market_data_snapshots"
        stored = len(rows(db, "SELECT 1 FROM market_data_snapshots"))
        assert stored == len(rows(db, distinct)) > commits

    def test_what_is_left_in_the_outbox_is_published(
        self, db: Database, simulator: SimulatedBroker, proxy: Proxy, cut: Cut
    ) -> None:
        def a_message(_number: int) -> Call:
            with db.transaction() as tx:
                outbox.add(tx, SnapshotsIngested(ingested_at=NOON, stored=1), "k", NOON)
            return lambda: function("relay_outbox").post("/")

        commits = cut_each_commit(a_message, cut, proxy)

        assert commits >= 5  # three prunings, the publishing, and finding no more
        assert rows(db, "SELECT 1 FROM outbox WHERE published_at IS NULL") == []
        assert simulator.ledger.orders() == []


class TestOneTransaction:
    @pytest.fixture
    def pool(self, proxy: Proxy) -> Iterator[Database]:
        database = Database(connector(proxy.url), size=1, timeout_seconds=0.1)
        yield database
        database.close()

    def store(self, pool: Database) -> None:
        with pool.transaction() as tx:
            tx.run("INSERT INTO users VALUES ('new') ON CONFLICT DO NOTHING")

    @pytest.mark.parametrize(
        ("cut", "error", "stored"),
        [
            (Cut.IN_TRANSACTION, TransientError, 0),
            (Cut.BEFORE_COMMIT, OutcomeUnknownError, 0),
            (Cut.AFTER_COMMIT, OutcomeUnknownError, 1),
        ],
    )
    def test_the_error_says_what_may_have_happened_and_the_next_call_works(
        self, pool: Database, proxy: Proxy, cut: Cut, error: type[Exception], stored: int
    ) -> None:
        self.store(pool)
        with pool.transaction() as tx:
            tx.run("DELETE FROM users WHERE firebase_uid = 'new'")
        proxy.cut(cut)

        with pytest.raises(error):
            self.store(pool)
        left = len(rows(pool, "SELECT 1 FROM users WHERE firebase_uid = 'new'"))
        self.store(pool)

        assert left == stored
        assert len(rows(pool, "SELECT 1 FROM users WHERE firebase_uid = 'new'")) == 1

    def test_all_connections_of_a_pool_may_break_at_once(self, proxy: Proxy) -> None:
        pool = Database(connector(proxy.url), size=3)
        with pool.session() as one, pool.session() as two, pool.session() as three:
            for session in (one, two, three):
                with session.transaction() as tx:
                    tx.rows("SELECT 1")
        proxy.drop_everything()

        for _ in range(3):
            self.store(pool)
        pool.close()

    def test_an_unreachable_server_is_reported_each_time_and_reconnected_to(
        self, pool: Database, proxy: Proxy
    ) -> None:
        self.store(pool)
        proxy.is_down = True
        proxy.drop_everything()
        for _ in range(3):  # a failure costs no slot of the pool, which has one
            with pytest.raises(TransientError):
                self.store(pool)
        proxy.is_down = False

        self.store(pool)


@pytest.mark.usefixtures("user")
class TestThroughAFunction:
    def test_a_restarted_server_costs_a_try_and_loses_nothing(
        self, environment: pytest.MonkeyPatch, simulator: SimulatedBroker, tmp_path: Path
    ) -> None:
        with embedded_postgres(tmp_path) as url:
            db = Database(connector(url))
            migrate(db)
            enroll(db, USER)
            environment.setenv("DATABASE_URL", url)
            wiring.reset()
            question_id = asked(db)

        began = time.monotonic()
        while_away = swipe(question_id, 10)
        took = time.monotonic() - began
        with embedded_postgres(tmp_path, keep=False):
            again = swipe(question_id, 10)
            submit(UUID(again.get_json()["order_id"]))
            db.close()
            wiring.reset()

        assert (while_away.status_code, again.status_code) == (503, 200)
        assert took < 5
        assert len(simulator.ledger.orders()) == 1

    def test_a_pool_that_is_exhausted_is_try_again_and_no_hang(self, db: Database) -> None:
        question_id = asked(db)
        database = wiring.current().database
        database._timeout_seconds = 0.1
        held = [database.session() for _ in range(4)]
        for session in held:
            session.__enter__()

        exhausted = swipe(question_id, 10)
        for session in held:
            session.__exit__(None, None, None)
        again = swipe(question_id, 10)

        assert (exhausted.status_code, again.status_code) == (503, 200)
        assert exhausted.get_json()["error"]["code"] == "try_again"

    def test_the_loser_of_a_deadlock_tries_again_and_there_is_one_order(self, db: Database) -> None:
        question_id = asked(db)
        waiting = threading.Event()
        replies: list[TestResponse] = []

        def say_yes() -> None:
            waiting.set()
            replies.append(swipe(question_id, 10))

        answering = threading.Thread(target=say_yes)
        with db.transaction() as tx:
            # The answer locks its question and then needs its user; here it is the other way round.
            tx.run("SELECT 1 FROM users FOR UPDATE")
            answering.start()
            self.wait_for_a_lock(db)
            tx.run(
                "SET LOCAL deadlock_timeout = '30s'"
            )  # so that the answer is the one to give way
            tx.run("SELECT 1 FROM confirmations FOR UPDATE")
        answering.join()
        again = swipe(question_id, 10)

        assert (replies[0].status_code, again.status_code) == (503, 200)
        assert len(rows(db, "SELECT 1 FROM trade_orders")) == 1

    def wait_for_a_lock(self, db: Database) -> None:
        while not rows(
            db,
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()",
        ):
            time.sleep(0.01)

    def test_an_instance_that_froze_in_a_transaction_does_not_hold_its_locks_for_ever(
        self, db: Database, database_url: str
    ) -> None:
        frozen = Database(connector(database_url))

        def freeze() -> None:
            with frozen.transaction() as tx:
                tx.run("SET LOCAL idle_in_transaction_session_timeout = '200ms'")
                tx.run("SELECT 1 FROM users FOR UPDATE")
                with db.transaction() as other:
                    other.run(
                        "SELECT 1 FROM users FOR UPDATE"
                    )  # waits until the frozen one is ended
                tx.rows("SELECT 1")

        with pytest.raises(TransientError):
            freeze()

        [limit] = rows(db, "SHOW idle_in_transaction_session_timeout")
        assert limit == {"idle_in_transaction_session_timeout": "1min"}
        frozen.close()
