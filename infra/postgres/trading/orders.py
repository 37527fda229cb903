"""Orders: the claim, the reservation and the record. Counters are sums over these rows."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from common.guardrails.facts import Denied
from common.market import Quote
from common.messages import OrderApproved, TradeUpdate
from common.orders.asset import Asset
from common.orders.broker_order import BrokerOrder
from common.orders.order import Order
from common.orders.status import (
    APPROVED,
    CANCELED,
    DENIED,
    REJECTED,
    SUBMITTING,
    may_follow,
)
from common.receipts.consent import client_order_id, consented
from infra.postgres.database import Transaction, to_stored_json
from infra.postgres.messages import outbox
from infra.postgres.trading import order_columns
from infra.postgres.trading.confirmations import QuestionState
from infra.postgres.trading.order_columns import IS_OPEN, READ, SELECT


def approve(tx: Transaction, question: QuestionState, now: datetime) -> UUID:
    """Store the order that a yes stands for, with its announcement."""
    order_id, confirmation = uuid4(), question.confirmation
    question_id, uid = confirmation.question_id, confirmation.firebase_uid
    shown = consented(question.terms, question.text)
    made_with = {
        "id": order_id,
        "firebase_uid": uid,
        "client_order_id": client_order_id(question_id, uid, shown),
        "consented": shown,
        "question_id": question_id,
        "opportunity_id": question.opportunity_id,
        "status": APPROVED,
        "created_at": now,
        "updated_at": now,
    }
    tx.run(order_columns.INSERT_ASKED, **made_with, **order_columns.values_of(question.terms))
    outbox.add(tx, OrderApproved(order_id=order_id), uid, now)
    return order_id


def of_question(tx: Transaction, question_id: UUID) -> UUID | None:
    """Find the order that a question led to."""
    row = tx.row("SELECT id FROM trade_orders WHERE question_id = :id", id=question_id)
    return row["id"] if row else None


def read(tx: Transaction, order_id: UUID) -> Order | None:
    """Read an order."""
    row = tx.row(SELECT + " WHERE id = :id", id=order_id)
    return Order(**row) if row else None


def delivery_of(order_id: UUID) -> str:
    """Name the lock that is held while a delivery is at work on an order."""
    return f"order {order_id}"


def lock(tx: Transaction, order_id: UUID) -> Order:
    """Lock the order's user, then the order: one submission of a user decides at a time.

    The order is found by its locked user, and read as it stands once it is locked itself.
    """
    row = tx.row(
        f"""
        WITH owner AS MATERIALIZED (
            -- Compared as the app's index compares, so that it is found there.
            SELECT firebase_uid FROM users
            WHERE firebase_uid = (SELECT firebase_uid COLLATE "default" FROM trade_orders
                                  WHERE id = :id)
            FOR UPDATE
        )
        {SELECT} WHERE id = :id AND firebase_uid = (SELECT firebase_uid FROM owner) FOR UPDATE
        """,
        id=order_id,
    )
    if row is None:
        raise AssertionError(f"order {order_id} is gone, or its user")
    return Order(**row)


def reserve(tx: Transaction, order: Order, quote: Quote, asset: Asset, now: datetime) -> Order:
    """Take the slot and what the order may cost, fix its limit, and claim it for sending."""
    changes = {
        "limit_price": order.limit_for(quote, asset),
        "reserved_usd": order.cost_at(quote, asset),
        "qty": order.qty,
    }
    assignments = (
        "reserved_at = :now, reserved_usd = :reserved_usd, limit_price = :limit_price, qty = :qty"
    )
    return _move(tx, order, SUBMITTING, now, assignments, changes)


def deny(tx: Transaction, order: Order, denied: Denied, now: datetime) -> None:
    """Store a guardrail's denial, with its numbers, and announce it."""
    changes = {"denial_code": denied.code.value, "reason": denied.reason}
    assignments = "denial_code = :denial_code, reason = :reason"
    _announce(tx, _move(tx, order, DENIED, now, assignments, changes), now)


def withdraw(tx: Transaction, order: Order, now: datetime) -> None:
    """Close a locked order that its user takes back before it was sent, and announce it."""
    changes = {"reason": "canceled by its user before it was sent"}
    _announce(tx, _move(tx, order, CANCELED, now, "reason = :reason", changes), now)


def reject(tx: Transaction, order: Order, reason: str, now: datetime) -> Order:
    """Store the broker's rejection, which gives the reservation back, and announce it."""
    rejected = _move(tx, order, REJECTED, now, "reason = :reason", {"reason": reason})
    _announce(tx, rejected, now)
    return rejected


def record(tx: Transaction, order: Order, broker_order: BrokerOrder, now: datetime) -> Order:
    """Store and announce an update of the broker's on a locked order; return how it stands now.

    `BrokerOrder.update_of` has decided what may follow: a late execution changes an ended order.
    """
    filled_qty = broker_order.filled_qty
    changes: dict[str, Any] = {
        "alpaca_order_id": broker_order.broker_order_id,
        "filled_qty": order.filled_qty if filled_qty is None else filled_qty,
        "filled_avg_price": broker_order.filled_avg_price,
        "submitted_at": broker_order.submitted_at,
        "filled_at": broker_order.filled_at,
        "broker_updated_at": broker_order.updated_at,
        "raw": to_stored_json(broker_order.document),
    }
    recorded = _change(
        tx,
        order,
        broker_order.status,
        now,
        """alpaca_order_id = :alpaca_order_id, filled_qty = :filled_qty,
           filled_avg_price = :filled_avg_price, submitted_at = :submitted_at,
           filled_at = :filled_at,
           broker_updated_at = coalesce(:broker_updated_at, broker_updated_at),
           raw = CAST(:raw AS jsonb)""",
        changes,
    )
    _announce(tx, recorded, now)
    return recorded


def note_reason(tx: Transaction, order_id: UUID, reason: str, now: datetime) -> None:
    """Remember why an open order is about to end; its owner is told when it has ended."""
    tx.run(
        "UPDATE trade_orders SET reason = :reason, updated_at = :now"
        f" WHERE id = :id AND reason IS NULL AND {IS_OPEN}",
        id=order_id,
        reason=reason,
        now=now,
    )


def mark_unknown(tx: Transaction, order_id: UUID, now: datetime) -> None:
    """Remember that nobody knows what became of an order that was sent."""
    tx.run(
        "UPDATE trade_orders SET outcome_unknown_at = coalesce(outcome_unknown_at, :now),"
        " updated_at = :now WHERE id = :id AND status = :submitting",
        id=order_id,
        submitting=SUBMITTING,
        now=now,
    )


def announce_approval(tx: Transaction, order: Order, now: datetime) -> None:
    """Ask for the submission of an order; asking twice does no harm."""
    outbox.add(tx, OrderApproved(order_id=order.id), order.firebase_uid, now)


def _move(
    tx: Transaction,
    order: Order,
    then: str,
    now: datetime,
    assignments: str,
    changes: dict[str, Any],
) -> Order:
    """Change a locked order's status as `may_follow` allows; anything else is a bug."""
    if not may_follow(order.status, then):
        raise AssertionError(f"order {order.id}: {order.status} may not become {then}")
    return _change(tx, order, then, now, assignments, changes)


def _change(
    tx: Transaction,
    order: Order,
    then: str,
    now: datetime,
    assignments: str,
    changes: dict[str, Any],
) -> Order:
    """Change a locked order; return how it stands now."""
    changed = tx.row(
        f"UPDATE trade_orders SET status = :then, updated_at = :now, {assignments}"
        f" WHERE id = :id AND status = :status RETURNING {', '.join(READ)}",
        then=then,
        now=now,
        id=order.id,
        status=order.status,
        **changes,
    )
    if changed is None:
        raise AssertionError(f"order {order.id} was not {order.status} under its lock")
    return Order(**changed)


def _announce(tx: Transaction, order: Order, now: datetime) -> None:
    """Announce to the app backend how the order stands now."""
    shown = {name: value for name, value in vars(order).items() if name in TradeUpdate.model_fields}
    update = TradeUpdate(order_id=order.id, at=now, **shown)
    outbox.add(tx, update, order.firebase_uid, now)
