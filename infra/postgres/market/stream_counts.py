"""What the stream of prices brought lately (`stream_counts`), as its worker counts it."""

from datetime import datetime
from typing import NamedTuple

from common.market import trading_day
from infra.postgres.database import Transaction


class StreamCounts(NamedTuple):
    """How many messages came, minutes were lost, and connections were made again."""

    messages: int = 0
    dropped: int = 0
    reconnects: int = 0

    def since(self, before: "StreamCounts") -> "StreamCounts":
        """Return what was counted since then."""
        return StreamCounts(*(now - then for now, then in zip(self, before, strict=True)))


def add(tx: Transaction, counts: StreamCounts, seconds: float, now: datetime) -> None:
    """Add what was counted in the last `seconds` to what was counted today."""
    tx.run(
        """
        INSERT INTO stream_counts AS known
               (counted_at, day, messages_per_second, dropped, reconnects)
        VALUES (:now, :day, :rate, :dropped, :reconnects)
        ON CONFLICT (only_row) DO UPDATE SET
            counted_at = excluded.counted_at,
            day = excluded.day,
            messages_per_second = excluded.messages_per_second,
            dropped = excluded.dropped
                + CASE WHEN known.day = excluded.day THEN known.dropped ELSE 0 END,
            reconnects = excluded.reconnects
                + CASE WHEN known.day = excluded.day THEN known.reconnects ELSE 0 END
        """,
        now=now,
        day=trading_day(now),
        rate=counts.messages / seconds if seconds > 0 else 0.0,
        dropped=counts.dropped,
        reconnects=counts.reconnects,
    )
