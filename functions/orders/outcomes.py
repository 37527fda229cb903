"""What the broker's word on an order sets off, whichever function hears it."""

from datetime import datetime
from uuid import UUID

from common.errors import BrokerRefusedError
from common.orders.broker_order import BrokerOrder
from common.orders.order import Order
from common.questions import try_again_text
from infra.postgres.database import Transaction
from infra.postgres.trading import confirmations, orders, positions
from infra.postgres.users import configs


def record(tx: Transaction, order_id: UUID, broker_order: BrokerOrder, now: datetime) -> bool:
    """Store the broker's word on an order and what it filled; return whether it was news."""
    order = positions.record(tx, order_id, broker_order, now)
    if order is not None and order.has_failed:
        ask_again(tx, order, f"it was {order.status} by the broker", now)
    return order is not None


def reject(tx: Transaction, order_id: UUID, refusal: BrokerRefusedError, now: datetime) -> None:
    """Store the broker's no to an order that was sent once."""
    rejected = orders.reject(tx, orders.lock(tx, order_id), str(refusal), now)
    ask_again(tx, rejected, f"the broker said: {refusal.message}", now)


def ask_again(tx: Transaction, order: Order, why: str, now: datetime) -> None:
    """Ask once whether to try again, where the user's rule says so; a yes is a new order."""
    config = configs.of_user(tx, order.firebase_uid)
    rule = config.rule(order.rule_id) if config else None
    asked = confirmations.read(tx, order.question_id) if order.question_id else None
    if asked is None or asked.is_follow_up or rule is None or not rule.ask_again_on_failure:
        return
    confirmations.follow_up(tx, asked, try_again_text(asked.text, why), now)
