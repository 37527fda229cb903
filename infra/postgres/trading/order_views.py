"""Orders as their user sees them."""

from uuid import UUID

from infra.postgres.database import Row, Transaction
from infra.postgres.pages import Cursor, Page, page
from infra.postgres.trading.order_columns import SHOWN

_ORDERS = f"SELECT {', '.join(SHOWN)} FROM trade_orders WHERE firebase_uid = :uid"


def of_user(
    tx: Transaction, firebase_uid: str, status: str | None, after: Cursor | None, limit: int
) -> Page:
    """Read a user's orders, newest first."""
    filtered = _ORDERS + " AND (CAST(:status AS text) IS NULL OR status = :status)"
    return page(tx, filtered, "created_at", after, limit, uid=firebase_uid, status=status)


def one(tx: Transaction, firebase_uid: str, order_id: UUID) -> Row | None:
    """Read an order of a user; another user's is none."""
    return tx.row(_ORDERS + " AND id = :id", uid=firebase_uid, id=order_id)
