"""Brings a database to the current schema: plain SQL files, in order, each once."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from common.errors import PermanentError
from infra.postgres.database import Database, Transaction

# Any number that nothing else in this database locks; concurrent migrations wait for each other.
_ADVISORY_LOCK = 7_249_001


@dataclass(frozen=True)
class Migration:
    """One file of `migrations/`, by its name."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text: an applied file must never change."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class MigrationChangedError(PermanentError):
    """A migration that was applied has been edited since."""


def migrations() -> list[Migration]:
    """Return all migrations in the order in which they apply."""
    folder = resources.files("infra.postgres") / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(f.name, f.read_text("utf-8")) for f in files]


def pending(database: Database) -> list[str]:
    """Name what `migrate` would apply; raises MigrationChangedError as it does."""
    with database.transaction() as tx:
        known = tx.rows("SELECT to_regclass('schema_migrations') IS NOT NULL AS there")[0]["there"]
        done = _applied(tx) if known else {}
    return [each.name for each in migrations() if _is_new(each, done)]


def migrate(database: Database) -> list[str]:
    """Apply what is missing, all or nothing, and return the names of what was applied."""
    with database.transaction() as tx:
        tx.rows("SELECT pg_advisory_xact_lock(:key)", key=_ADVISORY_LOCK)
        tx.run(
            "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY,"
            " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = _applied(tx)
        applied = []
        for migration in migrations():
            if _is_new(migration, done):
                tx.run(migration.sql)
                tx.run(
                    "INSERT INTO schema_migrations (name, checksum) VALUES (:name, :checksum)",
                    name=migration.name,
                    checksum=migration.checksum,
                )
                applied.append(migration.name)
        return applied


def _applied(tx: Transaction) -> dict[str, str]:
    return {r["name"]: r["checksum"] for r in tx.rows("SELECT * FROM schema_migrations")}


def _is_new(migration: Migration, done: Mapping[str, str]) -> bool:
    if migration.name in done and done[migration.name] != migration.checksum:
        raise MigrationChangedError(f"{migration.name} was edited after it was applied")
    return migration.name not in done
