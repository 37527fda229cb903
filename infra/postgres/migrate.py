"""Brings a database to the current schema, by plain SQL files in the order of their names.

Those of `migrations/` make tables, each once. Those of `repeatable/` make functions and views,
which hold no data: when one of them changes, all of them are applied again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from common.errors import PermanentError
from infra.postgres import app_tables
from infra.postgres.database import Database, Transaction

# Any number that nothing else in this database locks; concurrent migrations wait for each other.
_ADVISORY_LOCK = 7_249_001
_REPEATABLE = "repeatable"
# Ids that ascend are made by the server: uuidv7().
OLDEST_POSTGRES = 18


@dataclass(frozen=True)
class Migration:
    """One file, by its name; that of a repeatable one has its folder before it."""

    name: str
    sql: str

    @property
    def is_repeatable(self) -> bool:
        """Whether it makes functions or views."""
        return self.name.startswith(f"{_REPEATABLE}/")

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class MigrationChangedError(PermanentError):
    """A migration that was applied has been edited since."""


def migrations() -> list[Migration]:
    """Return what is applied once, in order; an applied file must never change."""
    return [Migration(file.name, file.read_text("utf-8")) for file in _files("migrations")]


def repeatables() -> list[Migration]:
    """Return what is applied again, as a whole, when any of it has changed."""
    return [
        Migration(f"{_REPEATABLE}/{file.name}", file.read_text("utf-8"))
        for file in _files(_REPEATABLE)
    ]


def pending(database: Database) -> list[str]:
    """Name what `migrate` would apply; raises MigrationChangedError as it does."""
    with database.transaction() as tx:
        known = tx.rows("SELECT to_regclass('schema_migrations') IS NOT NULL AS there")[0]["there"]
        return [each.name for each in _due(_applied(tx) if known else {})]


def migrate(database: Database, fills: Sequence[app_tables.ColumnDefault] = ()) -> list[str]:
    """Apply what is due, all or nothing, and return the names of what was applied.

    `fills` says what the app's own required columns hold in rows of ours. Raises AppTablesError,
    with a line for each problem, when the app's tables cannot hold such rows, and PermanentError
    when the server is too old.
    """
    with database.transaction() as tx:
        if problem := too_old(tx):
            raise PermanentError(problem)
        tx.rows("SELECT pg_advisory_xact_lock(:key)", key=_ADVISORY_LOCK)
        _refuse(app_tables.problems(tx, fills))
        tx.run(
            "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY,"
            " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        due = _due(_applied(tx))
        if any(each.is_repeatable for each in due):
            tx.run("DELETE FROM schema_migrations WHERE name LIKE :all", all=f"{_REPEATABLE}/%")
        for migration in due:
            tx.run(migration.sql)
            tx.run(
                "INSERT INTO schema_migrations (name, checksum) VALUES (:name, :checksum)",
                name=migration.name,
                checksum=migration.checksum,
            )
        app_tables.make_views(tx, fills)
        refusal = app_tables.trial(tx)
        _refuse([refusal] if refusal else [])
        return [each.name for each in due]


def too_old(tx: Transaction) -> str | None:
    """Say that the server is older than what is needed, None when it is not."""
    version = tx.rows("SELECT current_setting('server_version_num')::int / 10000 AS major")
    major = version[0]["major"]
    if major >= OLDEST_POSTGRES:
        return None
    return f"the server is Postgres {major}; {OLDEST_POSTGRES} or newer is needed"


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise app_tables.AppTablesError(problems)


def _files(folder: str) -> list[Traversable]:
    inside = (resources.files("infra.postgres") / folder).iterdir()
    return sorted((f for f in inside if f.name.endswith(".sql")), key=lambda f: f.name)


def _applied(tx: Transaction) -> dict[str, str]:
    return {r["name"]: r["checksum"] for r in tx.rows("SELECT * FROM schema_migrations")}


def _due(applied: Mapping[str, str]) -> list[Migration]:
    """Name the new migrations and, when one is new, changed or gone, all repeatable ones."""
    new = [each for each in migrations() if _is_new(each, applied)]
    again = repeatables()
    before = {name: sum_ for name, sum_ in applied.items() if name.startswith(f"{_REPEATABLE}/")}
    return new if before == {each.name: each.checksum for each in again} else new + again


def _is_new(migration: Migration, applied: Mapping[str, str]) -> bool:
    if migration.name in applied and applied[migration.name] != migration.checksum:
        raise MigrationChangedError(f"{migration.name} was edited after it was applied")
    return migration.name not in applied
