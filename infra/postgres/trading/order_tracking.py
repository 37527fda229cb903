"""How current orders are (`order_tracking`): when they were polled, and streamed."""

from datetime import datetime
from typing import Literal

from infra.postgres.database import Transaction

Source = Literal["poll", "stream"]


def mark(tx: Transaction, source: Source, now: datetime) -> None:
    """Remember that everything the source had to tell is recorded."""
    tx.run(
        """
        INSERT INTO order_tracking (source, seen_at) VALUES (:source, :now)
        ON CONFLICT (source) DO UPDATE SET seen_at = excluded.seen_at
        """,
        source=source,
        now=now,
    )


def read(tx: Transaction) -> dict[Source, datetime]:
    """Read when each source was last whole."""
    rows = tx.rows("SELECT source, seen_at FROM order_tracking")
    return {row["source"]: row["seen_at"] for row in rows}
