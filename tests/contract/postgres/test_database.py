"""Connections, transactions and migrations on a real Postgres, and what happens when it fails."""

import re
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pg8000.dbapi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import OutcomeUnknownError, TradingError, TransientError
from common.market import NEW_YORK
from infra.local.postgres import create_database, embedded_postgres
from infra.postgres.database import Database, DatabaseSession, Transaction, connector, to_json
from infra.postgres.migrate import MigrationChangedError, migrate, migrations, repeatables
from tests.conftest import rows


@pytest.fixture(scope="module")
def database_url(postgres: str) -> str:
    """URL of one database for all tests here: what they need in it, they make anew."""
    create_database(postgres, "adapter")
    return postgres.replace("/countersign?", "/adapter?")


@pytest.fixture
def things(db: Database) -> Database:
    """The database with a table of two things."""
    with db.transaction() as tx:
        tx.run("DROP TABLE IF EXISTS things")
        tx.run("CREATE TABLE things (id integer PRIMARY KEY, name text)")
        tx.run("INSERT INTO things VALUES (1, 'one'), (2, 'two')")
    return db


@contextmanager
def pool(url: str, size: int = 4, timeout_seconds: float = 10) -> Iterator[Database]:
    database = Database(connector(url), size=size, timeout_seconds=timeout_seconds)
    yield database
    database.close()


@contextmanager
def failing(
    on: Database | DatabaseSession, error: type[BaseException], match: str | None = None
) -> Iterator[Transaction]:
    """Run a transaction that must end in this error, wherever in it that comes up."""
    with pytest.raises(error, match=match), on.transaction() as tx:
        yield tx


def throw(error: BaseException) -> None:
    raise error


def names(db: Database) -> list[str]:
    return [row["name"] for row in rows(db, "SELECT name FROM things ORDER BY id")]


def backend(tx: Transaction) -> int:
    pid: int = tx.rows("SELECT pg_backend_pid() AS pid")[0]["pid"]
    return pid


def kill(url: str, pid: int) -> None:
    """End a connection at the server, and wait until it is gone."""
    with pool(url) as admin, admin.transaction() as tx:
        assert tx.rows("SELECT pg_terminate_backend(:pid, 5000) AS gone", pid=pid)[0]["gone"]


def at_once(*jobs: Callable[[], object]) -> list[object]:
    """Run each in a thread of its own; return what each returned or raised."""
    with ThreadPoolExecutor(len(jobs)) as threads:
        running = [threads.submit(job) for job in jobs]
        return [each.exception(30) or each.result() for each in running]


class TestTransactions:
    def test_a_block_that_ends_is_committed(self, things: Database) -> None:
        with things.transaction() as tx:
            touched = tx.run("UPDATE things SET name = 'x'")

        assert touched == 2
        assert names(things) == ["x", "x"]

    @pytest.mark.parametrize("error", [ValueError, TransientError, KeyboardInterrupt])
    def test_a_block_that_raises_is_rolled_back(
        self, things: Database, error: type[BaseException]
    ) -> None:
        with failing(things, error) as tx:
            tx.run("DELETE FROM things")
            throw(error())

        assert names(things) == ["one", "two"]

    def test_a_failing_statement_undoes_those_before_it(self, things: Database) -> None:
        with failing(things, pg8000.dbapi.DatabaseError) as tx:
            tx.run("DELETE FROM things")
            tx.run("SELECT 1 / 0")

        assert names(things) == ["one", "two"]

    def test_a_failure_that_is_swallowed_is_never_a_silent_commit(self, things: Database) -> None:
        with failing(things, TradingError) as tx:
            tx.run("DELETE FROM things")
            with pytest.raises(pg8000.dbapi.DatabaseError):
                tx.run("SELECT 1 / 0")

        assert names(things) == ["one", "two"]

    def test_a_rule_that_is_checked_at_commit_undoes_everything(self, things: Database) -> None:
        with things.transaction() as tx:
            tx.run("ALTER TABLE things ADD UNIQUE (name) DEFERRABLE INITIALLY DEFERRED")

        with failing(things, pg8000.dbapi.DatabaseError, "23505") as tx:
            tx.run("UPDATE things SET name = 'same'")

        assert names(things) == ["one", "two"]

    def test_a_session_runs_one_transaction_after_the_other_on_one_connection(
        self, things: Database
    ) -> None:
        with things.session() as session:
            with session.transaction() as tx:
                first = backend(tx)
                tx.run("UPDATE things SET name = 'kept' WHERE id = 1")
            with failing(session, ValueError, "mine") as tx:
                tx.run("UPDATE things SET name = 'lost' WHERE id = 2")
                throw(ValueError("mine"))
            with session.transaction() as tx:
                last = backend(tx)

        assert first == last
        assert names(things) == ["kept", "two"]

    def test_one_row_is_a_row_none_is_none_and_two_are_a_bug(self, things: Database) -> None:
        with things.transaction() as tx:
            assert tx.row("SELECT name FROM things WHERE id = :id", id=1) == {"name": "one"}
            assert tx.row("SELECT name FROM things WHERE id = :id", id=3) is None
            with pytest.raises(AssertionError):
                tx.row("SELECT name FROM things")


class TestParameters:
    def same(self, db: Database, cast: str, value: object) -> Any:
        return rows(db, f"SELECT :value::{cast} AS value", value=value)[0]["value"]

    @pytest.mark.parametrize(
        ("cast", "value"),
        [
            ("text", None),
            ("integer", None),
            ("jsonb", None),
            ("text", "it's :name; -- % \\ \" größer"),
            ("text", "null"),
            ("bigint", 2**62),
            ("boolean", True),
            ("text[]", []),
            ("text[]", ["a,b", '"', "NULL", "\\", "{}", ""]),
            ("bigint[]", [1, -2]),
            ("numeric", Decimal(839)),
            ("numeric", Decimal("172.6618")),
            ("numeric", Decimal("0.1")),
            ("numeric", Decimal("123456789012345678901234567890.123456789012345678")),
            ("numeric", Decimal("1E-30")),
        ],
    )
    def test_a_value_comes_back_as_it_went_in(self, db: Database, cast: str, value: object) -> None:
        back = self.same(db, cast, value)

        assert back == value
        assert type(back) is type(value)

    def test_values_are_bound_and_never_part_of_the_sql(self, things: Database) -> None:
        attack = "'); DROP TABLE things; --"

        with things.transaction() as tx:
            tx.run("UPDATE things SET name = :name WHERE id = :id", name=attack, id=1)

        assert names(things) == [attack, "two"]

    def test_a_name_can_be_used_twice_and_colons_in_texts_are_no_names(self, db: Database) -> None:
        sql = "SELECT :a::int + :a::int AS sum, '09:30:a' AS at, '{\"a\": 1}'::jsonb AS json"

        assert rows(db, sql, a=2) == [{"sum": 4, "at": "09:30:a", "json": {"a": 1}}]

    def test_a_list_matches_any_of_its_members(self, things: Database) -> None:
        found = rows(things, "SELECT id FROM things WHERE name = ANY(:names)", names=["two", "x"])

        assert found == [{"id": 2}]

    def test_numbers_inside_json_stay_exact(self, db: Database) -> None:
        document = '{"price": 172.66180000000000001, "qty": 839, "deep": [{"a": 0.1}], "s": "1.50"}'

        back = self.same(db, "jsonb", document)

        assert back == {
            "price": Decimal("172.66180000000000001"),
            "qty": 839,
            "deep": [{"a": Decimal("0.1")}],
            "s": "1.50",
        }
        assert self.same(db, "json", document) == back

    def test_decimals_are_written_to_json_as_exact_strings(self, db: Database) -> None:
        written = to_json({"price": Decimal("0.10"), "none": None, "list": [Decimal(839)]})

        assert self.same(db, "jsonb", written) == {"price": "0.10", "none": None, "list": ["839"]}

    @pytest.mark.parametrize(
        "moment",
        [
            datetime(2026, 2, 10, 12, 0, 0, 123456, tzinfo=UTC),
            datetime(2026, 2, 10, 12, 0, tzinfo=NEW_YORK),
            datetime(2026, 11, 1, 1, 30, fold=1, tzinfo=NEW_YORK),
        ],
    )
    def test_an_instant_comes_back_aware_and_the_same(self, db: Database, moment: datetime) -> None:
        back = self.same(db, "timestamptz", moment)

        assert back.utcoffset() == timedelta(0)
        assert back == moment.astimezone(UTC)

    @pytest.mark.parametrize(
        ("stored", "read"),
        [
            ("infinity", "infinity"),
            ("-infinity", "-infinity"),
            ("20000-01-01 00:00Z", "20000-01-01 00:00:00+00"),
            ("200000-01-01 00:00Z", "200000-01-01 00:00:00+00"),
        ],
    )
    def test_an_instant_that_is_no_datetime_is_a_text_and_breaks_nothing(
        self, db: Database, stored: str, read: str
    ) -> None:
        with db.transaction() as tx:
            [found] = tx.rows(f"SELECT CAST('{stored}' AS timestamptz) AS back")
            [after] = tx.rows("SELECT 1 AS n")

        assert found["back"] == read
        assert after["n"] == 1


# Many numbers in one call: a connection each would only test the patience of the reader.
@settings(max_examples=10)
@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=12), min_size=10))
def test_money_survives_the_round_trip(postgres: str, numbers: list[Decimal]) -> None:
    with pool(postgres, size=1) as db:
        [found] = rows(db, "SELECT :numbers::numeric[] AS back", numbers=numbers)

    assert found["back"] == numbers


class TestPool:
    def test_connections_are_reused(self, db: Database) -> None:
        pids = set()
        for _ in range(5):
            with db.transaction() as tx:
                pids.add(backend(tx))

        assert len(pids) == 1

    def test_one_more_than_its_size_waits_and_raises_a_transient_error(
        self, database_url: str
    ) -> None:
        with pool(database_url, size=2, timeout_seconds=0.05) as db:
            with (
                db.transaction(),
                db.transaction(),
                pytest.raises(TransientError, match="became free"),
            ):
                rows(db, "SELECT 1 AS one")

            assert rows(db, "SELECT 1 AS one") == [{"one": 1}]

    def test_one_that_waits_gets_the_connection_that_becomes_free(self, database_url: str) -> None:
        with pool(database_url, size=1) as db, ThreadPoolExecutor(1) as thread:
            with db.transaction() as tx:
                held = backend(tx)
                waiting = thread.submit(rows, db, "SELECT pg_backend_pid() AS pid")
                time.sleep(0.02)
                assert not waiting.done()

            assert waiting.result() == [{"pid": held}]

    def test_many_threads_share_few_connections(self, database_url: str) -> None:
        seen: set[int] = set()

        def work() -> None:
            for _ in range(10):
                with db.transaction() as tx:
                    seen.add(backend(tx))

        with pool(database_url, size=2) as db:
            assert at_once(*[work] * 8) == [None] * 8

        assert len(seen) <= 2

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    def test_an_error_costs_no_slot(self, database_url: str, error: type[BaseException]) -> None:
        with pool(database_url, size=1, timeout_seconds=0.05) as db:
            for _ in range(3):
                with pytest.raises(error), db.transaction():
                    raise error

            assert rows(db, "SELECT 1 AS one") == [{"one": 1}]

    def test_a_server_that_is_not_there_is_transient_and_costs_no_slot(
        self, tmp_path: Path
    ) -> None:
        with pool(f"postgresql:///x?host={tmp_path}", size=1, timeout_seconds=0.05) as db:
            for _ in range(3):
                with pytest.raises(TransientError, match="lost"), db.transaction():
                    pass

    def test_a_wrong_database_says_so(self, postgres: str) -> None:
        url = postgres.replace("/countersign?", "/nowhere?")
        # The server hangs up after its words; the driver may notice that first.
        refusals = (pg8000.dbapi.DatabaseError, TransientError)

        with pool(url) as db, pytest.raises(refusals) as refused, db.transaction():
            pass

        assert "does not exist" in "".join(traceback.format_exception(refused.value))


class TestLostConnections:
    def test_one_that_died_while_idle_is_replaced_and_no_caller_fails(
        self, db: Database, database_url: str
    ) -> None:
        with db.transaction() as tx:
            died = backend(tx)
        kill(database_url, died)

        with db.transaction() as tx:
            assert backend(tx) != died

    def test_all_that_died_while_idle_are_replaced(self, database_url: str) -> None:
        with pool(database_url, size=3) as db:
            with db.transaction() as one, db.transaction() as two, db.transaction() as three:
                died = {backend(tx) for tx in (one, two, three)}
            for pid in died:
                kill(database_url, pid)

            with db.transaction() as one, db.transaction() as two, db.transaction() as three:
                assert not died & {backend(tx) for tx in (one, two, three)}

    def test_one_that_dies_in_a_transaction_is_transient_and_leaves_nothing(
        self, database_url: str, things: Database
    ) -> None:
        with failing(things, TransientError) as tx:
            tx.run("DELETE FROM things")
            kill(database_url, backend(tx))
            tx.rows("SELECT 1")

        assert names(things) == ["one", "two"]

    def test_one_that_dies_right_before_the_commit_leaves_the_outcome_unknown(
        self, database_url: str, things: Database
    ) -> None:
        with failing(things, OutcomeUnknownError) as tx:
            tx.run("DELETE FROM things")
            kill(database_url, backend(tx))

        assert names(things) == ["one", "two"]

    def test_none_of_them_costs_a_slot(self, database_url: str) -> None:
        with pool(database_url, size=1, timeout_seconds=0.05) as db:
            for _ in range(2):
                with failing(db, TransientError) as tx:
                    kill(database_url, backend(tx))
                    tx.rows("SELECT 1")
                with failing(db, OutcomeUnknownError) as tx:
                    kill(database_url, backend(tx))

            assert rows(db, "SELECT 1 AS one") == [{"one": 1}]

    def test_one_that_dies_while_the_block_raises_does_not_hide_its_error(
        self, database_url: str
    ) -> None:
        with pool(database_url, size=1, timeout_seconds=0.05) as db:
            with failing(db, ValueError, "mine") as tx:
                kill(database_url, backend(tx))
                throw(ValueError("mine"))

            assert rows(db, "SELECT 1 AS one") == [{"one": 1}]

    def test_one_that_is_too_slow_is_given_up_and_not_used_again(self, database_url: str) -> None:
        patient, hasty = connector(database_url), connector(database_url, timeout_seconds=0.2)
        attempts = iter([hasty, patient])

        def connect() -> pg8000.dbapi.Connection:
            return next(attempts)()

        db = Database(connect, size=1)
        with failing(db, TransientError) as tx:
            slow = backend(tx)
            tx.rows("SELECT pg_sleep(0.4), 'late' AS answer")

        # Had it been kept, the next answer would be the late one.
        with db.transaction() as tx:
            assert backend(tx) != slow
        db.close()

    def test_a_restarted_server_is_found_again(self, tmp_path: Path) -> None:
        with embedded_postgres(tmp_path) as url:
            db = Database(connector(url), size=2)
            assert rows(db, "SELECT 1 AS one") == [{"one": 1}]

        with pytest.raises(TransientError), db.transaction():
            pass

        with embedded_postgres(tmp_path, keep=False) as again:
            assert again == url
            assert rows(db, "SELECT 1 AS one") == [{"one": 1}]
            db.close()


class TestConflicts:
    def test_one_of_two_in_a_deadlock_may_try_again_and_the_other_wins(
        self, things: Database
    ) -> None:
        both_hold_one = threading.Barrier(2)

        def take(first: int, second: int) -> None:
            rename = "UPDATE things SET name = :name WHERE id = :id"
            with things.transaction() as tx:
                tx.run("SET LOCAL deadlock_timeout = '10ms'")
                tx.run(rename, name=f"by {first}", id=first)
                both_hold_one.wait()
                tx.run(rename, name=f"by {first}", id=second)

        ended = at_once(lambda: take(1, 2), lambda: take(2, 1))

        lost = [each for each in ended if each is not None]
        assert [type(each) for each in lost] == [TransientError]
        assert "deadlock" in str(lost[0])
        assert len(set(names(things))) == 1

    def test_a_serialization_failure_may_be_tried_again(self, things: Database) -> None:
        with failing(things, TransientError, "could not serialize") as tx:
            tx.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            tx.rows("SELECT * FROM things")
            with things.transaction() as other:
                other.run("UPDATE things SET name = 'theirs' WHERE id = 1")
            tx.run("UPDATE things SET name = 'ours' WHERE id = 1")

        assert names(things) == ["theirs", "two"]

    def test_a_broken_rule_is_a_bug_and_no_reason_to_try_again(self, things: Database) -> None:
        with failing(things, pg8000.dbapi.DatabaseError, "23505") as tx:
            tx.run("INSERT INTO things VALUES (1, 'again')")


class TestExclusive:
    def is_free(self, url: str, name: str = "job") -> bool:
        """Ask as another instance would, with a pool of its own."""
        with pool(url) as other, other.exclusive(name) as session:
            return session is not None

    def test_of_two_threads_one_gets_it(self, db: Database) -> None:
        both_asked = threading.Barrier(2)

        def ask() -> bool:
            with db.exclusive("job") as session:
                both_asked.wait()
                return session is not None

        assert sorted(map(bool, at_once(ask, ask))) == [False, True]

    def test_it_is_held_over_all_instances_and_by_name(
        self, db: Database, database_url: str
    ) -> None:
        with db.exclusive("job") as session:
            assert session is not None
            assert not self.is_free(database_url)
            assert self.is_free(database_url, "another job")

        assert self.is_free(database_url)

    def test_it_outlives_the_holders_transactions(
        self, things: Database, database_url: str
    ) -> None:
        with things.exclusive("job") as session:
            assert session is not None
            with session.transaction() as tx:
                tx.run("DELETE FROM things WHERE id = 1")
            with failing(session, ValueError, "mine") as tx:
                tx.run("DELETE FROM things")
                throw(ValueError("mine"))
            assert not self.is_free(database_url)

        assert names(things) == ["two"]

    @pytest.mark.parametrize("error", [ValueError, TransientError, KeyboardInterrupt])
    def test_an_exception_releases_it(
        self, db: Database, database_url: str, error: type[BaseException]
    ) -> None:
        with pytest.raises(error), db.exclusive("job"):
            raise error

        assert self.is_free(database_url)

    def test_a_failed_statement_releases_it(self, db: Database, database_url: str) -> None:
        def fail() -> None:
            with db.exclusive("job") as session:
                assert session is not None
                with session.transaction() as tx:
                    tx.run("SELECT 1 / 0")

        with pytest.raises(pg8000.dbapi.DatabaseError):
            fail()

        assert self.is_free(database_url)

    def test_losing_the_holders_connection_releases_it(
        self, db: Database, database_url: str
    ) -> None:
        def lose() -> None:
            with db.exclusive("job") as session:
                assert session is not None
                with session.transaction() as tx:
                    pid = backend(tx)
                kill(database_url, pid)
                assert self.is_free(database_url)

        lose()

        with db.exclusive("job") as again:
            assert again is not None

    def test_losing_it_at_work_is_transient_and_releases_it(
        self, db: Database, database_url: str
    ) -> None:
        def lose() -> None:
            with db.exclusive("job") as session:
                assert session is not None
                with session.transaction() as tx:
                    kill(database_url, backend(tx))
                    tx.rows("SELECT 1")

        with pytest.raises(TransientError):
            lose()

        assert self.is_free(database_url)

    def test_one_who_did_not_get_it_releases_nothing(self, db: Database, database_url: str) -> None:
        with db.exclusive("job"):
            with db.exclusive("job") as second:
                assert second is None

            assert not self.is_free(database_url)

    @pytest.mark.parametrize("name", ["", "größer", "'; DROP TABLE x; --", "x" * 10_000])
    def test_any_text_is_a_name(self, db: Database, database_url: str, name: str) -> None:
        with db.exclusive(name) as session:
            assert session is not None
            assert not self.is_free(database_url, name)

        assert self.is_free(database_url, name)


@pytest.fixture
def empty_url(postgres: str, request: pytest.FixtureRequest) -> str:
    """URL of a database that was never migrated."""
    name = f"empty_{abs(hash(request.node.name))}"
    create_database(postgres, name)
    return postgres.replace("/countersign?", f"/{name}?")


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    with pool(empty_url) as database:
        yield database


def tables(db: Database) -> set[str]:
    found = rows(db, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {each["tablename"] for each in found}


ONCE = [migration.name for migration in migrations()]
AGAIN = [migration.name for migration in repeatables()]
ALL = ONCE + AGAIN


class TestMigrate:
    def test_it_applies_everything_in_order_and_then_nothing(self, empty: Database) -> None:
        first, second = migrate(empty), migrate(empty)

        assert first == ALL == sorted(ONCE) + sorted(AGAIN)
        assert second == []
        assert {"users", "questions", "trade_orders", "outbox"} <= tables(empty)

    def test_what_is_looked_up_by_text_is_compared_byte_by_byte(self, empty: Database) -> None:
        migrate(empty)

        compared = rows(
            empty,
            """
            SELECT DISTINCT format('%s.%s', c.relname, a.attname) AS what, l.collname
            FROM pg_index i
            JOIN pg_class c ON c.oid = i.indrelid
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
            JOIN pg_collation l ON l.oid = a.attcollation
            WHERE c.relnamespace = CAST('public' AS regnamespace)
            """,
        )

        others = {each["what"] for each in compared if each["collname"] != "C"}
        assert others == {"users.firebase_uid", "schema_migrations.name"}
        assert len(compared) > len(others)

    def test_three_at_once_apply_it_once(self, empty_url: str) -> None:
        together = threading.Barrier(3)

        def deploy() -> list[str]:
            with pool(empty_url) as db:
                together.wait()
                return migrate(db)

        applied = at_once(deploy, deploy, deploy)

        assert sorted(applied, key=str) == [ALL, [], []]

    def test_only_what_is_missing_is_applied(self, empty: Database) -> None:
        migrate(empty)
        with empty.transaction() as tx:
            tx.run("DROP TABLE users, questions CASCADE")
            tx.run("DELETE FROM schema_migrations WHERE name = :first", first=ALL[0])

        assert migrate(empty) == ALL[:1]
        assert {"users", "questions"} <= tables(empty)

    @pytest.mark.parametrize("name", [ONCE[0], ONCE[-1]])
    def test_a_migration_that_was_edited_later_is_refused(self, empty: Database, name: str) -> None:
        migrate(empty)
        with empty.transaction() as tx:
            tx.run("UPDATE schema_migrations SET checksum = 'x' WHERE name = :name", name=name)

        with pytest.raises(MigrationChangedError, match=name):
            migrate(empty)

    @pytest.mark.parametrize("change", ["SET checksum = 'x'", "SET name = 'repeatable/gone.sql'"])
    def test_functions_and_views_are_made_anew_when_one_has_changed(
        self, empty: Database, change: str
    ) -> None:
        migrate(empty)
        with empty.transaction() as tx:
            tx.run("INSERT INTO utils_statistics.report_days VALUES ('2026-02-10', now())")
            tx.run(
                "CREATE OR REPLACE FUNCTION utils_statistics.display(value numeric, format text)"
                " RETURNS text LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT 'edited'; END"
            )
            tx.run(f"UPDATE schema_migrations {change} WHERE name = :name", name=AGAIN[2])

        assert migrate(empty) == AGAIN
        assert migrate(empty) == []
        displayed = "SELECT utils_statistics.display(0.5, 'percent') AS text"
        assert rows(empty, displayed) == [{"text": "50.00%"}]
        held = rows(empty, "SELECT count(*) FROM utils_statistics.daily_trade_kpis_mv")
        assert held == [{"count": 26}]

    def test_what_others_have_built_upon_ours_is_never_dropped(self, empty: Database) -> None:
        migrate(empty)
        with empty.transaction() as tx:
            tx.run("CREATE VIEW mine AS SELECT * FROM utils_statistics.kpi_catalog()")
            tx.run("UPDATE schema_migrations SET checksum = 'x' WHERE name = :name", name=AGAIN[0])

        with pytest.raises(pg8000.dbapi.DatabaseError, match="view mine depends"):
            migrate(empty)

        assert len(rows(empty, "SELECT * FROM mine")) == 26

    def test_files_are_numbered_without_a_gap_and_each_names_its_own_tables_alone(self) -> None:
        assert [int(name[:4]) for name in ONCE] == list(range(1, len(ONCE) + 1))
        for migration in migrations():
            made = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?([\w.]+)", migration.sql))
            touched = re.findall(
                r"(?:INDEX \w+\s+ON|ALTER TABLE|INSERT INTO) ([\w.]+)", migration.sql
            )
            assert set(touched) <= made, migration.name

    def test_one_that_fails_leaves_nothing_of_those_before_it(self, empty: Database) -> None:
        with empty.transaction() as tx:
            tx.run("CREATE TABLE outbox (of_somebody_else integer)")

        with pytest.raises(pg8000.dbapi.DatabaseError, match="already exists"):
            migrate(empty)

        assert tables(empty) == {"outbox"}

    def test_tables_of_the_app_are_left_alone(self, empty: Database) -> None:
        with empty.transaction() as tx:
            tx.run(
                "CREATE TABLE users (email text, firebase_uid text PRIMARY KEY,"
                " karma integer DEFAULT 7)"
            )
            tx.run(
                "CREATE TABLE questions (id uuid PRIMARY KEY, firebase_uid text NOT NULL,"
                " question_text text NOT NULL, correct_answer numeric, source_tag text NOT NULL,"
                " pipeline_key text NOT NULL, pipeline_step text NOT NULL, difficulty integer,"
                " metadata jsonb NOT NULL DEFAULT '{}')"
            )
            tx.run("INSERT INTO users (email, firebase_uid) VALUES ('a@example.com', 'user-1')")
        before = self.app_tables(empty)

        migrate(empty)

        assert self.app_tables(empty) == before
        assert rows(empty, "SELECT * FROM users") == [
            {"email": "a@example.com", "firebase_uid": "user-1", "karma": 7}
        ]

    def app_tables(self, db: Database) -> list[dict[str, Any]]:
        return rows(
            db,
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_name IN ('users', 'questions')"
            " ORDER BY table_name, ordinal_position",
        )


class Listener:
    """A TCP server that asks who is there, writes it down and hangs up."""

    SSL_REQUEST = 80877103

    def __init__(self) -> None:
        self.parameters: dict[str, str] = {}
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection, connection.makefile("rwb") as stream:
            length, version = struct.unpack("!II", stream.read(8))
            if version == self.SSL_REQUEST:
                stream.write(b"N")  # there is no encryption to be had here
                stream.flush()
                if not (header := stream.read(8)):
                    return
                length, version = struct.unpack("!II", header)
            words = stream.read(length - 8).rstrip(b"\0").decode().split("\0")
            self.parameters = dict(zip(words[::2], words[1::2], strict=True))
            stream.write(b"R" + struct.pack("!II", 8, 3))  # a password in plain text, please
            stream.flush()
            _, length = struct.unpack("!cI", stream.read(5))
            self.parameters["password"] = stream.read(length - 4).rstrip(b"\0").decode()


def introduced(url: str) -> Listener:
    """Connect with a URL whose `PORT` is a listener's; return what that was told."""
    with Listener() as listener:
        connect = connector(url.replace("PORT", str(listener.port)), timeout_seconds=10)
        with pytest.raises(pg8000.dbapi.InterfaceError):
            connect()
    return listener


class TestConnector:
    def sent(self, url: str) -> Sequence[str]:
        sent = introduced(url).parameters
        return [sent["user"], sent["password"], sent["database"]]

    def test_host_port_user_password_and_database_are_the_urls(self) -> None:
        assert self.sent("postgresql://me:word@127.0.0.1:PORT/mine") == ["me", "word", "mine"]

    def test_what_is_quoted_in_the_url_is_sent_as_it_is(self) -> None:
        url = "postgresql://me%40home:p%2Fw%3A%40%23%25%20%C3%B6@127.0.0.1:PORT/mine"

        assert self.sent(url) == ["me@home", "p/w:@#% ö", "mine"]

    def test_a_connection_says_what_it_is_for(self) -> None:
        listener = introduced("postgresql://me:word@localhost:PORT/mine?connect_timeout=3")

        assert listener.parameters["application_name"] == "countersign"

    @pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
    def test_encryption_that_is_asked_for_is_never_done_without(self, mode: str) -> None:
        listener = introduced(f"postgresql://me:word@127.0.0.1:PORT/mine?sslmode={mode}")

        assert listener.parameters == {}

    @pytest.mark.parametrize("quoted", [False, True])
    def test_a_folder_means_the_socket_in_it(self, postgres: str, *, quoted: bool) -> None:
        base, folder = postgres.split("?host=")
        url = f"{base}?host={folder.replace('/', '%2F') if quoted else folder}"

        with pool(url) as db:
            [found] = rows(db, "SELECT current_user AS me, current_database() AS here")

        assert found == {"me": "postgres", "here": "countersign"}
        assert Path(folder).is_absolute()

    def test_an_error_names_no_password(self, tmp_path: Path) -> None:
        url = f"postgresql://me:s3cret@/mine?host={tmp_path}"

        with (
            pool(url) as db,
            pytest.raises(TransientError) as raised,
            db.transaction(),
        ):
            pass

        assert "s3cret" not in str(raised.value) + repr(raised.value.__cause__)


# Postgres holds every letter but NUL, and no half of a surrogate pair.
_TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
_ODD_TEXTS = _TEXTS | st.sampled_from(['"', "\\", "{}", "NULL", "", '","'])


@settings(max_examples=10)
@given(
    st.lists(st.none() | _ODD_TEXTS, min_size=10)
    | st.lists(_ODD_TEXTS)
    | st.lists(st.text("a ,{}'", max_size=3))
)
def test_texts_in_an_array_come_back_as_they_went_in(
    postgres: str, texts: list[str | None]
) -> None:
    with pool(postgres, size=1) as db:
        [found] = rows(db, "SELECT :texts::text[] AS back", texts=texts)

    assert found["back"] == texts
