"""Orders of all users, as the operator's console shows them."""

from datetime import datetime

from infra.postgres.database import Row, Transaction


def recent(tx: Transaction, limit: int) -> list[Row]:
    """Return the orders that changed last, whatever became of them."""
    return tx.rows(
        """
        SELECT id, firebase_uid, symbol, side, order_type, notional_usd, qty, status, rule_id,
               filled_qty, filled_avg_price, denial_code, reason, created_at, updated_at
        FROM trade_orders ORDER BY updated_at DESC, id DESC LIMIT :limit
        """,
        limit=limit,
    )


def of_symbol(tx: Transaction, symbol: str, since: datetime) -> list[Row]:
    """Return when orders of a symbol were made, and what became of them, oldest first."""
    return tx.rows(
        """
        SELECT side, status, coalesce(filled_at, created_at) AS at FROM trade_orders
        WHERE symbol = :symbol AND created_at >= :since ORDER BY created_at LIMIT 100
        """,
        symbol=symbol,
        since=since,
    )
