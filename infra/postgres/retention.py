"""Deletes what is old enough, a little at a time: no long lock, no long transaction."""

from datetime import datetime

from infra.postgres.batches import in_batches
from infra.postgres.database import Database, Transaction

# At most so many rows of a table a call, in transactions of so many.
_AT_ONCE, _BATCHES = 10_000, 20

# Each table that grows with time, and how its oldest rows are found. Not among them: what an order
# rests on and led to, and what a person did or has to look at.
_OLDEST = {
    "outbox": ("id", "published_at < :before ORDER BY published_at"),
    "market_data_snapshots": (
        "id",
        "created_at < :before AND metric <> 'daily_close' ORDER BY created_at",
    ),
    "option_snapshots": ("id", "created_at < :before ORDER BY created_at"),
    "account_equity": ("quarter_hour", "quarter_hour < :before ORDER BY quarter_hour"),
    "position_quotes": ("symbol, as_of", "as_of < :before ORDER BY as_of"),
    "rule_status": (
        "config_key, rule_id, symbol",
        "evaluated_at < :before ORDER BY evaluated_at",
    ),
    "ingest_cursors": ("input_key", "last_fetch_at < :before ORDER BY last_fetch_at"),
    "broker_answers": ("path", "read_at < :before ORDER BY read_at"),
}
TABLES = tuple(_OLDEST)


def prune(database: Database, table: str, before: datetime) -> int:
    """Delete the oldest rows of a table from before an instant; return how many.

    What is left of a large backlog is the next call's.
    """
    key, oldest = _OLDEST[table]

    def delete(tx: Transaction, at_once: int) -> int:
        return tx.run(
            f"DELETE FROM {table} WHERE ({key}) IN"
            f" (SELECT {key} FROM {table} WHERE {oldest} LIMIT :at_once)",
            before=before,
            at_once=at_once,
        )

    return in_batches(database, delete, size=_AT_ONCE, batches=_BATCHES)
