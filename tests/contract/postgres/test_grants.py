"""What a function's database user may do after a migration: everything it needs, and no schema."""

from collections.abc import Iterator
from urllib.parse import quote

import pg8000.dbapi
import pytest
from click.testing import CliRunner

from infra.cli import main
from infra.postgres.database import Database, connector
from infra.postgres.grants import grant
from infra.postgres.migrate import migrate

USER = 'countersign-ingest@my-project.iam"; --'  # no name can end a statement


@pytest.fixture
def function(db: Database, database_url: str) -> Iterator[Database]:
    """The database as one function's user sees it."""
    with db.transaction() as tx:
        name = tx.rows("SELECT quote_ident(:user) AS name", user=USER)[0]["name"]
        tx.run(f"DROP ROLE IF EXISTS {name}")
        tx.run(f"CREATE ROLE {name} LOGIN")
    database = Database(connector(database_url.replace("postgres:", f"{quote(USER)}:", 1)), size=1)
    yield database
    database.close()
    with db.transaction() as tx:
        tx.run(f"DROP OWNED BY {name}")
        tx.run(f"DROP ROLE {name}")


def test_a_granted_user_works_with_the_data(db: Database, function: Database) -> None:
    grant(db, [USER])

    with function.transaction() as tx:
        tx.run("INSERT INTO users (firebase_uid) VALUES ('u1')")
        tx.run(
            "INSERT INTO outbox (topic, ordering_key, payload, created_at)"
            " VALUES ('t', 'k', '{}', now())"
        )
        tx.run("UPDATE users SET firebase_uid = 'u2' WHERE firebase_uid = 'u1'")
        tx.run("DELETE FROM users WHERE firebase_uid = 'u2'")
        assert len(tx.rows("SELECT * FROM outbox")) == 1


def test_a_granted_user_refreshes_every_view(db: Database, function: Database) -> None:
    grant(db, [USER])

    with db.transaction() as tx:
        views = [
            r["name"]
            for r in tx.rows("SELECT schemaname || '.' || matviewname AS name FROM pg_matviews")
        ]
    assert views
    for view in views:
        with function.transaction() as tx:
            tx.run(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view}")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id integer)",
        "DROP TABLE trade_orders",
        "ALTER TABLE trade_orders ADD COLUMN extra text",
        "TRUNCATE trade_orders",
        "CREATE ROLE another",
    ],
)
def test_a_granted_user_changes_no_schema(db: Database, function: Database, statement: str) -> None:
    grant(db, [USER])

    with pytest.raises(pg8000.dbapi.DatabaseError), function.transaction() as tx:
        tx.run(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trading_control_changes SET set_by = 'another'",
        "DELETE FROM trading_control_changes",
        "TRUNCATE trading_control_changes",
        "INSERT INTO schema_migrations (name, checksum) VALUES ('9999_mine.sql', 'x')",
        "UPDATE schema_migrations SET checksum = 'x'",
        "DELETE FROM schema_migrations",
    ],
)
def test_a_granted_user_rewrites_nothing_that_happened(
    db: Database, function: Database, statement: str
) -> None:
    grant(db, [USER])

    with (
        pytest.raises(pg8000.dbapi.DatabaseError, match="42501"),
        function.transaction() as tx,
    ):
        tx.run(statement)


def test_a_granted_user_writes_down_what_it_does(db: Database, function: Database) -> None:
    grant(db, [USER])

    with function.transaction() as tx:
        tx.run(
            "INSERT INTO trading_control_changes (scope, state, reason, set_by, set_at)"
            " VALUES ('*', 'halted', 'why', 'breaker', now())"
        )
        assert len(tx.rows("SELECT * FROM trading_control_changes")) == 1


def test_a_user_that_is_not_granted_reads_nothing(db: Database, function: Database) -> None:
    grant(db, ["postgres"])

    with pytest.raises(pg8000.dbapi.DatabaseError), function.transaction() as tx:
        tx.rows("SELECT * FROM users")


def test_granting_again_and_migrating_again_change_nothing(
    db: Database, function: Database
) -> None:
    grant(db, [USER])
    assert migrate(db) == []
    grant(db, [USER])

    with function.transaction() as tx:
        assert tx.rows("SELECT * FROM users") == []


def test_migrating_grants_in_the_same_breath(
    function: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)

    done = CliRunner().invoke(main, ["migrate", "--grant-to", USER])

    assert done.exit_code == 0, done.output
    with function.transaction() as tx:
        assert tx.rows("SELECT * FROM users") == []


def test_no_table_needs_a_right_on_a_sequence(db: Database) -> None:
    """An identity column does not; a `serial` one would."""
    with db.transaction() as tx:
        bare = tx.rows(
            "SELECT relname FROM pg_depend JOIN pg_class ON pg_class.oid = objid"
            " WHERE relkind = 'S' AND refclassid = 'pg_class'::regclass AND deptype = 'a'"
        )

    assert bare == []
