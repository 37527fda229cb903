"""Orders that their user takes back before they were sent."""

from dataclasses import replace
from datetime import datetime

from common.messages import TradeUpdate
from common.orders import APPROVED, Order
from infra.postgres import outbox
from infra.postgres.database import Transaction

CANCELED = "canceled"
_REASON = "canceled by its user before it was sent"


def withdraw(tx: Transaction, order: Order, now: datetime) -> None:
    """Close a locked order that is still approved, and announce it."""
    moved = tx.run(
        "UPDATE trade_orders SET status = :canceled, reason = :reason, updated_at = :now"
        " WHERE id = :id AND status = :approved",
        canceled=CANCELED,
        reason=_REASON,
        now=now,
        id=order.id,
        approved=APPROVED,
    )
    if moved != 1:
        raise AssertionError(f"order {order.id} was not {APPROVED} under its lock")
    told = vars(replace(order, status=CANCELED, reason=_REASON))
    shown = {name: told[name] for name in TradeUpdate.model_fields.keys() & told.keys()}
    outbox.add(tx, TradeUpdate(order_id=order.id, at=now, **shown), order.firebase_uid, now)
