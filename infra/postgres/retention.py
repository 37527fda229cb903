"""Deletes what is old enough, a little at a time: no long lock, no long transaction."""

from datetime import datetime

from infra.postgres.database import Database

# At most so many rows of a table a call, in transactions of so many.
_AT_ONCE, _BATCHES = 1_000, 20

# Each finds the oldest by an index.
_PRUNED = {
    "outbox": """
        DELETE FROM outbox WHERE id = ANY(ARRAY(
            SELECT id FROM outbox WHERE published_at < :before
            ORDER BY published_at LIMIT :at_once))
    """,
    "market_data_snapshots": """
        DELETE FROM market_data_snapshots WHERE id = ANY(ARRAY(
            SELECT id FROM market_data_snapshots
            WHERE created_at < :before AND metric <> 'daily_close'
            ORDER BY created_at LIMIT :at_once))
    """,
    "option_snapshots": """
        DELETE FROM option_snapshots WHERE id = ANY(ARRAY(
            SELECT id FROM option_snapshots WHERE created_at < :before
            ORDER BY created_at LIMIT :at_once))
    """,
}


def prune(database: Database, table: str, before: datetime) -> int:
    """Delete the oldest rows of a table from before an instant; return how many.

    What is left of a large backlog is the next call's.
    """
    deleted = 0
    for _ in range(_BATCHES):
        with database.transaction() as tx:
            gone = tx.run(_PRUNED[table], before=before, at_once=_AT_ONCE)
        deleted += gone
        if gone < _AT_ONCE:
            break
    return deleted
