"""What a session has parsed is not parsed again; each run is planned as if it were."""

from collections.abc import Iterator

import pytest

from common.errors import TransientError
from infra.postgres.database import Database, Row, Transaction, connector
from infra.postgres.driver import _STATEMENTS_A_SESSION
from infra.runtime.settings import SettingsError
from tests.conftest import rows

LOOK_UP = "SELECT name, length FROM things WHERE name = :name"


@pytest.fixture
def one(database_url: str) -> Iterator[Database]:
    """A database with one connection, and a table."""
    database = Database(connector(database_url), size=1)
    with database.transaction() as tx:
        tx.run("CREATE TABLE things (name text PRIMARY KEY, length integer)")
        tx.run("INSERT INTO things VALUES ('a', 1)")
    yield database
    database.close()


def parsed(database: Database) -> list[Row]:
    """Read what the server holds of the session's statements."""
    return rows(database, "SELECT name, custom_plans, generic_plans FROM pg_prepared_statements")


def test_a_statement_is_parsed_once_for_five_runs_and_never_planned_for_all_values(
    one: Database,
) -> None:
    seen = []
    for _ in range(12):
        assert rows(one, LOOK_UP, name="a") == [{"name": "a", "length": 1}]
        seen += parsed(one)

    assert {each["name"] for each in seen} == {"s0"}
    assert [each["custom_plans"] for each in seen] == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2]
    assert {each["generic_plans"] for each in seen} == {0}


def test_each_run_returns_its_own_rows(one: Database) -> None:
    found = [rows(one, LOOK_UP, name=name) for name in ("a", "b", "a", "b")]

    assert [len(each) for each in found] == [1, 0, 1, 0]


def test_what_returns_no_rows_says_how_many_it_touched(one: Database) -> None:
    with one.transaction() as tx:
        touched = [
            tx.run("UPDATE things SET length = :n WHERE length < :n", n=n) for n in (2, 3, 3, 1)
        ]

    assert touched == [1, 1, 0, 0]


def test_a_statement_that_failed_can_be_run_again(one: Database) -> None:
    def divide(tx: Transaction, by: int) -> list[Row]:
        return tx.rows("SELECT 6 / CAST(:by AS integer) AS n", by=by)

    for by in (2, 1, 3):
        with pytest.raises(Exception, match="division by zero"), one.transaction() as tx:
            divide(tx, 0)
        with one.transaction() as tx:
            assert divide(tx, by) == [{"n": 6 // by}]
    with one.transaction() as tx:
        assert divide(tx, 1) == [{"n": 6}]
        with pytest.raises(Exception, match="division by zero"), tx.savepoint():
            divide(tx, 0)
        assert divide(tx, 6) == [{"n": 1}]


def test_more_statements_than_a_session_keeps_are_run_all_the_same(one: Database) -> None:
    many = _STATEMENTS_A_SESSION + 20
    for _ in range(2):
        with one.transaction() as tx:
            for n in range(many):
                assert tx.rows(f"SELECT {n} + CAST(:m AS integer) AS n", m=n) == [{"n": 2 * n}]

    assert len([each for each in parsed(one) if each["name"]]) == _STATEMENTS_A_SESSION


def test_a_migration_beside_it_makes_a_statement_come_again(
    one: Database, database_url: str
) -> None:
    everything = "SELECT * FROM things WHERE name = :name"
    assert rows(one, everything, name="a") == [{"name": "a", "length": 1}]
    other = Database(connector(database_url), size=1)
    with other.transaction() as tx:
        tx.run("ALTER TABLE things ADD COLUMN width integer DEFAULT 7")
    other.close()

    with pytest.raises(TransientError, match="cached plan must not change result type"):
        rows(one, everything, name="a")

    assert rows(one, everything, name="a") == [{"name": "a", "length": 1, "width": 7}]


# What PgBouncer 1.18 was seen to do in its transaction mode: the next session never parsed what
# this one did, and has parsed other things under the same names.
@pytest.mark.parametrize(
    ("other_session", "statement"),
    [
        ("DEALLOCATE ALL", LOOK_UP),
        ("PREPARE s1 AS SELECT 1", "SELECT length FROM things WHERE name = :name"),
    ],
)
def test_a_pooler_that_changes_the_session_between_transactions_is_named(
    one: Database, other_session: str, statement: str
) -> None:
    rows(one, LOOK_UP, name="a")
    with one.transaction() as tx:
        tx.run(other_session)

    with pytest.raises(SettingsError, match=r"^DATABASE_URL: .* pool by session") as raised:
        rows(one, statement, name="a")

    assert raised.value.variables == ("DATABASE_URL",)
    assert rows(one, LOOK_UP, name="a") == [{"name": "a", "length": 1}]
