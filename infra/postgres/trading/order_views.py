"""Orders as their user sees them."""

from uuid import UUID

from infra.postgres.database import Row, Transaction
from infra.postgres.pages import Cursor, Page, page

_ORDERS = """
    SELECT id, client_order_id, alpaca_order_id AS broker_order_id, symbol, asset_class, side,
           order_type, time_in_force, notional_usd, qty, limit_price, status, filled_qty,
           filled_avg_price, rule_id, question_id, denial_code, reason, created_at, submitted_at,
           filled_at, updated_at
    FROM trade_orders WHERE firebase_uid = :uid
"""


def of_user(
    tx: Transaction, firebase_uid: str, status: str | None, after: Cursor | None, limit: int
) -> Page:
    """Read a user's orders, newest first."""
    filtered = _ORDERS + " AND (CAST(:status AS text) IS NULL OR status = :status)"
    return page(tx, filtered, "created_at", after, limit, uid=firebase_uid, status=status)


def one(tx: Transaction, firebase_uid: str, order_id: UUID) -> Row | None:
    """Read an order of a user; another user's is none."""
    return tx.row(_ORDERS + " AND id = :id", uid=firebase_uid, id=order_id)
