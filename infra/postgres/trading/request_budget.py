"""The request budget of all instances (`request_budget`, `request_limit`)."""

from datetime import datetime, timedelta

from common.orders.order import Order
from common.orders.request_budget import KEPT_FOR_EACH, MINUTE, RateLimit, RequestBudget
from infra.postgres.database import Row, Transaction

# One decides at a time, over all instances.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('request budget', 0))"
_KEPT = timedelta(minutes=5)


def lock(tx: Transaction, now: datetime) -> RequestBudget:
    """Read the budget; nobody else takes anything of it until the transaction ends."""
    tx.rows(_LOCK)
    return read(tx, now)


def read(tx: Transaction, now: datetime) -> RequestBudget:
    """Read the budget as it stands."""
    rows = tx.rows(
        """
        SELECT second, used, per_minute, remaining, resets_at
        FROM (SELECT * FROM request_budget WHERE second > :since) AS used_lately
        FULL JOIN request_limit ON true
        ORDER BY second
        """,
        since=now - MINUTE,
    )
    used = [(row["second"], row["used"]) for row in rows if row["second"] is not None]
    return RequestBudget(used, _reported(rows[0]) if rows else None)


def take(tx: Transaction, count: int, now: datetime) -> None:
    """Take requests of the budget, and delete what no longer counts."""
    if not count:
        return
    tx.run(
        """
        WITH old AS (DELETE FROM request_budget WHERE second < :before),
        reported AS (UPDATE request_limit SET remaining = greatest(remaining - :count, 0))
        INSERT INTO request_budget (second, used)
        VALUES (date_trunc('second', CAST(:now AS timestamptz)), :count)
        ON CONFLICT (second) DO UPDATE SET used = request_budget.used + excluded.used
        """,
        before=now - _KEPT,
        now=now,
        count=count,
    )


def take_beside_orders(tx: Transaction, wanted: int, now: datetime) -> int:
    """Take requests for a reconciliation, beyond what is kept for it; return how many it may make.

    The rest waits for the next one: many orders at once would use up what the broker allows.
    """
    granted = lock(tx, now).beside_orders(wanted, now)
    take(tx, max(granted - KEPT_FOR_EACH, 0), now)
    return granted


def observe(tx: Transaction, reported: RateLimit, now: datetime) -> None:
    """Remember what the broker's last response said of its limit."""
    tx.run(
        """
        INSERT INTO request_limit (per_minute, remaining, resets_at, seen_at)
        VALUES (:per_minute, :remaining, :resets_at, :now)
        ON CONFLICT (only_row) DO UPDATE
        SET (per_minute, remaining, resets_at, seen_at)
            = (excluded.per_minute, excluded.remaining, excluded.resets_at, excluded.seen_at)
        WHERE (request_limit.resets_at, -request_limit.remaining)
            < (excluded.resets_at, -excluded.remaining)
        """,
        per_minute=reported.per_minute,
        remaining=reported.remaining,
        resets_at=reported.resets_at,
        now=now,
    )


def ahead(tx: Transaction, order: Order) -> int:
    """Count the approved orders whose yes came before this one's, and that were not claimed yet."""
    row = tx.rows(
        "SELECT count(*) AS n FROM trade_orders WHERE status = 'approved'"
        " AND (created_at, id) < (:created_at, CAST(:id AS uuid))",
        created_at=order.created_at,
        id=order.id,
    )[0]
    return int(row["n"])


def _reported(row: Row) -> RateLimit | None:
    if row["per_minute"] is None:
        return None
    return RateLimit(row["per_minute"], row["remaining"], row["resets_at"])
