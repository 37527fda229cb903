"""What follows from the broker's report on an order, whichever function receives it."""

import logging
from datetime import datetime
from uuid import UUID

from common.errors import BrokerRefusedError
from common.orders.broker_order import BrokerOrder
from common.orders.order import Order
from common.orders.refusals import explain
from common.orders.status import FILLED
from common.questions import try_again_text
from common.server_limits import ServerLimits
from infra.postgres.database import Transaction
from infra.postgres.trading import confirmations, orders, positions
from infra.postgres.users import configs
from infra.workflows import follow_ups

log = logging.getLogger(__name__)


def record(
    tx: Transaction,
    order_id: UUID,
    broker_order: BrokerOrder,
    limits: ServerLimits,
    now: datetime,
) -> bool:
    """Store what the broker says of an order and what it filled; return whether it changed."""
    order = positions.record(tx, order_id, broker_order, now)
    if order is not None and order.status == FILLED:
        _log_filled(broker_order)
    if order is not None and order.has_failed:
        ask_again(tx, order, f"it was {order.status} by the broker", limits, now)
    return order is not None


def reject(
    tx: Transaction,
    order_id: UUID,
    refusal: BrokerRefusedError,
    limits: ServerLimits,
    now: datetime,
) -> None:
    """Store the broker's rejection of an order that was sent once, with what it means.

    Its user is asked again only where asking again can help.
    """
    meant = explain(refusal.message)
    rejected = orders.reject(tx, orders.lock(tx, order_id), f"{meant.reason}: {refusal}", now)
    if meant.can_be_repeated:
        ask_again(tx, rejected, f"the broker said: {refusal.message}", limits, now)


def ask_again(tx: Transaction, order: Order, why: str, limits: ServerLimits, now: datetime) -> None:
    """Ask once whether to try again, unless the user's rule says no; a yes is a new order."""
    config = configs.of_user(tx, order.firebase_uid, limits.stock_feed)
    rule = config.rule(order.rule_id) if config else None
    asked = confirmations.read(tx, order.question_id) if order.question_id else None
    if asked is None or asked.is_follow_up or rule is None or not rule.ask_again_on_failure:
        return
    follow_ups.ask(tx, asked, try_again_text(asked.text, why), config, limits, now)


def _log_filled(broker_order: BrokerOrder) -> None:
    """Log how long the broker took, by its own clock."""
    if broker_order.filled_at is None or broker_order.submitted_at is None:
        return
    seconds = (broker_order.filled_at - broker_order.submitted_at).total_seconds()
    log.info(
        "filled after %.3f s",
        seconds,
        extra={"event": "order_filled", "fill_seconds": max(0.0, seconds)},
    )
