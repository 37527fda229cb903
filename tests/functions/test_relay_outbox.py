import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from common.errors import OutcomeUnknownError, TransientError
from functions import wiring
from infra.local.serving import HttpServer
from infra.postgres import retention
from infra.postgres.database import Database
from tests.bench.check import statements
from tests.conftest import NOON, enroll, function, rows
from tests.functions.pubsub_recorder import Recorder
from tests.functions.steps import tick
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.usefixtures("environment")

TOPIC, OTHER = "trade-updates", "questions-created"


@pytest.fixture
def nothing_published(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Publishing fails, as in a crash between commit and publish."""
    environment.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    wiring.reset()
    return environment


@pytest.fixture
def pubsub(environment: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The Pub/Sub that the functions publish to."""
    recorder = Recorder()
    with HttpServer(recorder.app) as server:
        environment.setenv("PUBSUB_EMULATOR_HOST", server.url.removeprefix("http://"))
        wiring.reset()
        yield recorder


def unpublished(db: Database) -> int:
    return len(rows(db, "SELECT 1 FROM outbox WHERE published_at IS NULL"))


def announce(db: Database, *numbers: int, key: str = "k", topic: str = TOPIC) -> None:
    """Commit messages, each by itself."""
    for number in numbers:
        with db.transaction() as tx:
            tx.run(
                "INSERT INTO outbox (topic, ordering_key, payload, created_at)"
                " VALUES (:topic, :key, CAST(:payload AS jsonb), :now)",
                topic=topic,
                key=key,
                payload=json.dumps(number),
                now=NOON,
            )


def relay() -> int:
    published: int = wiring.current().relay.publish_pending()
    return published


class TestNothingLost:
    def test_what_a_crash_left_behind_is_published(
        self, nothing_published: pytest.MonkeyPatch, db: Database, bus_host: str
    ) -> None:
        enroll(db, "a")
        tick()
        left = unpublished(db)
        nothing_published.setenv("PUBSUB_EMULATOR_HOST", bus_host)
        wiring.reset()

        first, second = (function("relay_outbox").post("/").get_json() for _ in range(2))

        assert left == 2  # snapshots-ingested and questions-created
        assert (first["published"], second["published"]) == (2, 0)
        assert unpublished(db) == 0

    @pytest.mark.usefixtures("nothing_published")
    def test_while_the_topics_are_away_nothing_is_lost(self, db: Database) -> None:
        enroll(db, "a")
        tick()

        reply = function("relay_outbox").post("/")

        assert reply.status_code == 503
        assert unpublished(db) == 2

    def test_a_crash_after_publishing_publishes_again_under_the_same_id(
        self, pubsub: Recorder, db: Database
    ) -> None:
        announce(db, 1, 2)
        pubsub.obstacle = lambda _topic, _messages: self.kill_everybody_else(db) or 200

        with pytest.raises((OutcomeUnknownError, TransientError)):
            relay()
        pubsub.obstacle = lambda _topic, _messages: 200
        relay()

        assert pubsub.texts(TOPIC) == ["1", "2", "1", "2"]
        assert pubsub.ids(TOPIC)[:2] == pubsub.ids(TOPIC)[2:]
        assert len(set(pubsub.ids(TOPIC))) == 2

    @staticmethod
    def kill_everybody_else(db: Database) -> int:
        with db.transaction() as tx:
            tx.rows(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND state = 'idle in transaction'"
            )
        return 0

    def test_more_than_a_batch_is_published_whole_and_in_order(
        self, pubsub: Recorder, db: Database
    ) -> None:
        with db.transaction() as tx:
            tx.run(
                "INSERT INTO outbox (topic, ordering_key, payload, created_at)"
                " SELECT :topic, 'k', to_jsonb(n), now() FROM generate_series(1, 1200) n",
                topic=TOPIC,
            )

        assert relay() == 1200

        assert pubsub.texts(TOPIC) == [str(n) for n in range(1, 1201)]


class Gate:
    """Holds back requests until it is opened."""

    def __init__(self) -> None:
        self.reached, self._open = threading.Event(), threading.Event()

    def __call__(self, _topic: str, _messages: list[bytes]) -> int:
        self.reached.set()
        assert self._open.wait(PATIENCE_SECONDS)
        return 200

    def open(self) -> None:
        self._open.set()


@contextmanager
def first_held_back(
    pubsub: Recorder, db: Database, publish: Callable[[], object]
) -> Iterator[tuple[Gate, Future[Any]]]:
    """Commit a message and have it published, which ends when the gate is opened."""
    pubsub.obstacle = gate = Gate()
    announce(db, 1)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(publish)
        assert gate.reached.wait(PATIENCE_SECONDS)
        yield gate, first


class TestSeveralRelays:
    def test_a_message_does_not_overtake_one_that_another_relay_is_sending(
        self, pubsub: Recorder, db: Database
    ) -> None:
        with first_held_back(pubsub, db, relay) as (gate, first):
            announce(db, 2)

            second = relay()
            gate.open()

            # The one that was there first sees what was committed meanwhile.
            assert (first.result(), second) == (2, 0)
        assert pubsub.texts(TOPIC) == ["1", "2"]

    def test_a_topic_that_hangs_holds_up_no_other(self, pubsub: Recorder, db: Database) -> None:
        gate = Gate()
        pubsub.obstacle = lambda topic, messages: gate(topic, messages) if topic == TOPIC else 200
        announce(db, 1)
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(relay)
            assert gate.reached.wait(PATIENCE_SECONDS)
            announce(db, 2, topic=OTHER)

            assert relay() == 1
            assert pubsub.texts(OTHER) == ["2"]
            gate.open()
            assert first.result() == 1

    def test_everybody_publishing_at_once_publishes_each_message_once_and_in_order(
        self, pubsub: Recorder, db: Database
    ) -> None:
        together = threading.Barrier(4)

        def work(writer: int) -> None:
            together.wait()
            for number in range(15):
                announce(db, 100 * writer + number, key="ab"[writer % 2])
                wiring.current().relay.publish_committed()

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(work, range(4)))

        numbers = [int(text) for text in pubsub.texts(TOPIC)]
        assert len(numbers) == len(set(pubsub.ids(TOPIC))) == 60
        assert unpublished(db) == 0  # nobody left anything to the next minute
        # What was committed after something else of its key comes after it.
        for writer in range(4):
            of_writer = [number % 100 for number in numbers if number // 100 == writer]
            assert of_writer == list(range(15))

    def test_a_relay_that_was_killed_keeps_no_topic_to_itself(
        self, pubsub: Recorder, db: Database
    ) -> None:
        announce(db, 1)
        pubsub.obstacle = lambda _topic, _messages: TestNothingLost.kill_everybody_else(db) or 503
        with pytest.raises((OutcomeUnknownError, TransientError)):
            relay()
        pubsub.obstacle = lambda _topic, _messages: 200

        assert relay() == 1


class TestLanes:
    def test_several_connections_keep_the_order_of_each_key(
        self, pubsub: Recorder, db: Database
    ) -> None:
        with db.transaction() as tx:
            tx.run(
                "INSERT INTO outbox (topic, ordering_key, payload, created_at)"
                " SELECT :topic, 'k' || n % 100, to_jsonb(n), now()"
                " FROM generate_series(1, 6000) n",
                topic=TOPIC,
            )

        assert wiring.current().relay.publish_pending(4) == 6000

        by_key: dict[str, list[int]] = {}
        for each, text in zip(pubsub.taken[TOPIC], pubsub.texts(TOPIC), strict=True):
            by_key.setdefault(each["orderingKey"], []).append(int(text))
        assert len(by_key) == 100
        assert all(numbers == sorted(set(numbers)) for numbers in by_key.values())
        assert sum(map(len, by_key.values())) == 6000

    def test_who_committed_for_one_user_publishes_that_users_messages_alone(
        self, pubsub: Recorder, db: Database
    ) -> None:
        announce(db, *range(20), key="another")
        announce(db, 1, 2, key="me")
        announce(db, 3, key="me", topic="orders-approved")

        wiring.current().relay.publish_committed_of("me")

        assert pubsub.texts(TOPIC) == ["1", "2"]
        assert pubsub.texts("orders-approved") == ["3"]
        assert list(pubsub.taken) == ["orders-approved", TOPIC]  # the most urgent first
        assert unpublished(db) == 20

    def test_of_one_users_topics_one_that_fails_keeps_its_messages_and_no_others(
        self, pubsub: Recorder, db: Database
    ) -> None:
        announce(db, 1, key="me")
        announce(db, 2, key="me", topic="orders-approved")
        pubsub.obstacle = lambda topic, _: 503 if topic == "orders-approved" else 200

        wiring.current().relay.publish_committed_of("me")

        assert pubsub.texts(TOPIC) == ["1"]
        assert unpublished(db) == 1
        pubsub.obstacle = lambda *_: 200
        wiring.current().relay.publish_committed_of("me")
        assert pubsub.texts("orders-approved")[-1] == "2"
        assert pubsub.texts(TOPIC) == ["1"]
        assert unpublished(db) == 0

    def test_who_finds_the_lane_taken_waits_for_one_request_and_keeps_the_order(
        self, pubsub: Recorder, db: Database
    ) -> None:
        publish = partial(wiring.current().relay.publish_committed_of, "k")
        with (
            first_held_back(pubsub, db, publish) as (gate, first),
            ThreadPoolExecutor(1) as threads,
        ):
            announce(db, 2)
            second = threads.submit(publish)
            gate.open()
            first.result()
            second.result()

        assert pubsub.texts(TOPIC) == ["1", "2"]
        assert unpublished(db) == 0

    def test_a_lane_that_hangs_makes_nobody_wait_for_long(
        self, pubsub: Recorder, db: Database
    ) -> None:
        with first_held_back(pubsub, db, relay) as (gate, first):
            announce(db, 2)

            wiring.current().relay.publish_committed_of("k")  # gives up, and fails nobody

            gate.open()
            assert first.result() == 2
        assert pubsub.texts(TOPIC) == ["1", "2"]

    def test_an_order_overtakes_a_backlog_of_questions(
        self, pubsub: Recorder, db: Database
    ) -> None:
        with db.transaction() as tx:
            tx.run(
                "INSERT INTO outbox (topic, ordering_key, payload, created_at)"
                " SELECT :topic, 'k' || n, to_jsonb(n), now() FROM generate_series(1, 5000) n",
                topic=OTHER,
            )
        seen: list[str] = []

        def order_comes(topic: str, _messages: list[bytes]) -> int:
            if not seen:
                announce(db, 1, topic="orders-approved")
            seen.append(topic)
            return 200

        pubsub.obstacle = order_comes

        assert relay() == 5001
        assert seen[:3] == [OTHER, "orders-approved", OTHER]

    def test_a_request_holds_no_more_than_pubsub_takes(
        self, pubsub: Recorder, db: Database
    ) -> None:
        with db.transaction() as tx:
            tx.run(
                "INSERT INTO outbox (topic, ordering_key, payload, created_at)"
                " SELECT :topic, 'k', to_jsonb(repeat(md5(n::text), 60000)), now()"
                " FROM generate_series(1, 12) n",
                topic=TOPIC,
            )
        sizes: list[int] = []

        def measured(_topic: str, messages: list[bytes]) -> int:
            sizes.append(sum(map(len, messages)))
            return 200

        pubsub.obstacle = measured

        assert relay() == 12
        assert max(sizes) <= 6_000_000
        assert len(sizes) == 4


class TestFailures:
    def test_a_topic_that_fails_does_not_block_the_others(
        self, pubsub: Recorder, db: Database
    ) -> None:
        pubsub.obstacle = lambda topic, _messages: 503 if topic == OTHER else 200
        announce(db, 1, topic=OTHER)
        announce(db, 2)

        reply = function("relay_outbox").post("/")

        assert reply.status_code == 503
        assert pubsub.texts(TOPIC) == ["2"]
        assert unpublished(db) == 1

    def test_what_comes_after_a_failure_waits_for_it(self, pubsub: Recorder, db: Database) -> None:
        statuses = iter([503, 200, 200])
        pubsub.obstacle = lambda _topic, _messages: next(statuses)
        announce(db, 1)
        wiring.current().relay.publish_committed()
        announce(db, 2)

        wiring.current().relay.publish_committed()

        assert pubsub.texts(TOPIC) == ["1", "2"]

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_topic_that_is_missing_or_closed_keeps_its_messages(
        self, pubsub: Recorder, db: Database, status: int
    ) -> None:
        announce(db, 1, 2)
        pubsub.obstacle = lambda _topic, _messages: status
        reply = function("relay_outbox").post("/")
        pubsub.obstacle = lambda _topic, _messages: 200

        relay()

        assert reply.status_code == 400
        assert pubsub.texts(TOPIC) == ["1", "2"]
        assert rows(db, "SELECT 1 FROM dead_letters") == []

    @pytest.mark.parametrize("poison", [{1}, {7}, {20}, {3, 4, 19}])
    def test_what_pubsub_will_never_take_is_a_dead_letter_and_the_rest_goes_out_in_order(
        self, pubsub: Recorder, db: Database, poison: set[int]
    ) -> None:
        pubsub.obstacle = lambda _topic, messages: 400 if poison & set(map(int, messages)) else 200
        announce(db, *range(1, 21))

        assert relay() == 20 - len(poison)

        letters = rows(db, "SELECT * FROM dead_letters ORDER BY id")
        assert pubsub.texts(TOPIC) == [str(n) for n in range(1, 21) if n not in poison]
        assert {int(letter["payload"]) for letter in letters} == poison
        assert {(each["consumer"], each["topic"]) for each in letters} == {("relay_outbox", TOPIC)}
        assert all("400" in letter["error"] for letter in letters)
        assert unpublished(db) == 0

    def test_a_batch_that_is_too_large_goes_out_in_parts(
        self, pubsub: Recorder, db: Database
    ) -> None:
        pubsub.obstacle = lambda _topic, messages: 413 if len(messages) > 3 else 200
        announce(db, *range(1, 21))

        assert relay() == 20
        assert pubsub.texts(TOPIC) == [str(n) for n in range(1, 21)]


@pytest.fixture(name="statements")
def counted_statements() -> Iterator[list[str]]:
    with statements() as seen:
        yield seen


class TestCost:
    @pytest.mark.parametrize(("messages", "expected"), [(0, 1), (1, 4), (200, 4)])
    def test_statements_do_not_grow_with_the_messages(
        self,
        pubsub: Recorder,
        db: Database,
        statements: list[str],
        messages: int,
        expected: int,
    ) -> None:
        announce(db, *range(messages))
        statements.clear()

        wiring.current().relay.publish_committed()

        assert len(statements) == expected
        assert len(pubsub.taken[TOPIC]) == messages

    def test_finding_work_reads_no_more_than_it_takes(
        self, pubsub: Recorder, db: Database, statements: list[str]
    ) -> None:
        with db.transaction() as tx:
            tx.run(
                "INSERT INTO outbox (topic, ordering_key, payload, created_at, published_at)"
                " SELECT :topic, 'k', '{}', now(), now() FROM generate_series(1, 20000)",
                topic=TOPIC,
            )
            tx.run("ANALYZE outbox")
        announce(db, 1)
        statements.clear()
        relay()
        claim, _, take, _ = statements
        announce(db, 2, 3)

        with db.transaction() as tx:
            lane = tx.rows("SELECT hashtext('k') & 31 AS lane")[0]["lane"]
            names = {
                "topics": [TOPIC],
                "topic": TOPIC,
                "limit": 500,
                "now": NOON,
                "lanes": [lane],
                "bytes": 10**6,
            }
            plans = [
                "\n".join(row["QUERY PLAN"] for row in tx.rows(f"EXPLAIN ANALYZE {sql}", **names))
                for sql, names in (
                    (claim, {"topics": [TOPIC], "lanes": 32}),
                    (take, names),
                )
            ]

        assert all("outbox_unpublished" in plan for plan in plans)
        assert not any("Seq Scan" in plan or "Removed by Filter" in plan for plan in plans)
        assert len(pubsub.taken[TOPIC]) == 1


# What does not grow with time, or is a record of what somebody did.
KEPT = {
    **dict.fromkeys(("users", "questions"), "the app's"),
    **dict.fromkeys(
        ("opportunities", "confirmations", "trade_orders", "fills", "trades", "trade_fills"),
        "records of what an order rests on and led to",
    ),
    **dict.fromkeys(("user_trading_config", "trading_cursors"), "one row a user"),
    **dict.fromkeys(
        ("trading_control_changes", "position_adjustments", "manual_fills", "snapshot_pushes"),
        "audit",
    ),
    **dict.fromkeys(("manual_holdings", "position_drifts", "trading_controls"), "one row a scope"),
    **dict.fromkeys(("corporate_actions", "option_contracts"), "one row an event or a listing"),
    **dict.fromkeys(("request_budget", "request_limit"), "of the last minute"),
    "order_tracking": "one row a source",
    "stream_counts": "one row",
    "trading_config_templates": "by name",
    "config_inputs": "replaced by each ingestion",
    "set_aside_configs": "replaced by each evaluation",
    "set_aside_rows": "replaced by each run",
    "market_sessions": "one row a day",
    **dict.fromkeys(("market_fixtures", "fake_orders"), "of test mode"),
    "market_data_corrections": "goes with its snapshot",
    "option_valuations": "goes with its snapshot",
    "dead_letters": "for a person to look at",
    "schema_migrations": "one row a migration",
}


class TestRetention:
    def prune(self) -> Any:
        reply = function("relay_outbox").post("/")
        assert reply.status_code == 200
        return {table: n for table, n in reply.get_json()["pruned"].items() if n}

    @pytest.fixture
    def aged(self, db: Database) -> Database:
        """Rows of every age: today's, and 6, 8, 89 and 91 days old."""
        with db.transaction() as tx:
            for days in (0, 6, 8, 89, 91):
                at = NOON - timedelta(days=days)
                for published in (at, None):
                    tx.run(
                        "INSERT INTO outbox (topic, ordering_key, payload, created_at,"
                        " published_at) VALUES ('trade-updates', 'k', '{}', :at, :out)",
                        at=at,
                        out=published,
                    )
                for metric in ("last_trade", "daily_close"):
                    tx.run(
                        "INSERT INTO market_data_snapshots (symbol, asset_class, feed, metric,"
                        " price, as_of, created_at)"
                        " VALUES ('SPY', 'us_equity', 'iex', :metric, 1, :at, :at)",
                        metric=metric,
                        at=at,
                    )
                tx.run(
                    "INSERT INTO option_snapshots (contract, underlying, type, strike, expiry,"
                    " style, feed, underlying_price, as_of, raw, created_at) VALUES ('C', 'SPY',"
                    " 'call', 1, '2027-01-15', 'american', 'indicative', 1, :at, '{}', :at)",
                    at=at,
                )
        return db

    def ages(self, db: Database, table: str, where: str = "true") -> list[int]:
        sql = f"SELECT created_at FROM {table} WHERE {where} ORDER BY created_at DESC"  # noqa: S608
        found = rows(db, sql)
        return [(NOON - row["created_at"]).days for row in found]

    def test_what_is_old_enough_is_deleted_and_nothing_else(
        self, aged: Database, pubsub: Recorder
    ) -> None:
        pruned = self.prune()

        assert pruned == {"outbox": 3, "market_data_snapshots": 1, "option_snapshots": 1}
        # The unpublished ones have just gone out: they stay for their time.
        assert len(pubsub.taken[TOPIC]) == 5
        assert self.ages(aged, "outbox") == [0, 0, 6, 6, 8, 89, 91]
        assert self.ages(aged, "market_data_snapshots", "metric = 'last_trade'") == [0, 6, 8, 89]
        assert self.ages(aged, "market_data_snapshots", "metric = 'daily_close'")[-1] == 91
        assert self.ages(aged, "option_snapshots") == [0, 6, 8, 89]

    @pytest.mark.usefixtures("aged")
    def test_how_long_is_a_setting(self, environment: pytest.MonkeyPatch, pubsub: Recorder) -> None:
        environment.setenv("PUBSUB_EMULATOR_HOST", wiring.current().settings.pubsub_emulator_host)
        environment.setenv("OUTBOX_RETENTION_DAYS", "90")
        environment.setenv("MARKET_DATA_RETENTION_DAYS", "7")
        wiring.reset()

        assert self.prune() == {"outbox": 1, "market_data_snapshots": 3, "option_snapshots": 3}
        assert len(pubsub.taken[TOPIC]) == 5

    @pytest.mark.usefixtures("nothing_published")
    def test_what_never_went_out_is_never_deleted(self, aged: Database) -> None:
        function("relay_outbox").post("/")

        assert len(self.ages(aged, "outbox", "published_at IS NULL")) == 5

    @pytest.mark.usefixtures("pubsub")
    def test_a_large_backlog_is_deleted_over_several_calls(
        self, db: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retention, "_AT_ONCE", 1000)
        with db.transaction() as tx:
            tx.run(
                "INSERT INTO outbox (topic, ordering_key, payload, created_at, published_at)"
                " SELECT 'trade-updates', 'k', '{}', :old, :old FROM generate_series(1, 20500)",
                old=NOON - timedelta(days=30),
            )

        assert [self.prune().get("outbox", 0) for _ in range(3)] == [20_000, 500, 0]

    @pytest.mark.usefixtures("pubsub")
    def test_what_is_read_by_the_quarter_of_an_hour_is_deleted_as_well(self, db: Database) -> None:
        with db.transaction() as tx:
            for days in (1, 89, 91):
                values = {"at": NOON - timedelta(days=days), "name": str(days)}
                tx.run("INSERT INTO account_equity VALUES (:at, 1, :at)", **values)
                tx.run("INSERT INTO position_quotes VALUES ('SPY', :at, 1, 2)", **values)
                tx.run(
                    "INSERT INTO rule_status (config_key, rule_id, symbol, outcome, evaluated_at)"
                    " VALUES (:name, 'r', 'SPY', 'fired', :at)",
                    **values,
                )
                tx.run("INSERT INTO ingest_cursors VALUES (:name, :at)", **values)
                tx.run("INSERT INTO broker_answers VALUES (:name, '{}', :at)", **values)

        gone = ("account_equity", "position_quotes", "rule_status", "ingest_cursors")
        assert self.prune() == dict.fromkeys((*gone, "broker_answers"), 1)
        assert self.prune() == {}

    def test_every_table_is_pruned_or_kept_for_a_reason(self, db: Database) -> None:
        found = rows(db, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")

        assert {row["tablename"] for row in found} == {*retention.TABLES, *KEPT}
