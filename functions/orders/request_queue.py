"""When an approved order may be sent: within the broker's limit, in the order of approval."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from common.errors import TransientError
from common.guardrails.facts import DenialCode, Denied
from common.orders.order import Order
from infra.postgres.database import Transaction
from infra.postgres.trading import request_budget


def wait(tx: Transaction, order: Order, in_flight: Sequence[UUID], now: datetime) -> Denied | None:
    """Let the order pass when it is its turn; deny it when that cannot come before its yes expires.

    `in_flight` are the first orders that were approved and not claimed yet. Nothing is asked of
    the broker for an order that waits. Raises TransientError when it has to: it stays approved, and
    its message comes again.
    """
    budget = request_budget.read(tx, now)
    is_near = order.id in in_flight
    ahead = in_flight.index(order.id) if is_near else request_budget.ahead(tx, order)
    if ahead < budget.free(now):
        return None
    served_by = budget.served_by(ahead, now)
    if served_by > order.expires_at:
        context = {"ahead": ahead, "served_by": served_by, "expires_at": order.expires_at}
        return Denied(DenialCode.REQUEST_LIMIT, context)
    raise TransientError(f"order {order.id} waits behind {ahead} others for a request")


def take(tx: Transaction, order: Order, now: datetime) -> None:
    """Take one request for the order, which holds until the transaction ends.

    Raises TransientError when others have taken the last ones meanwhile.
    """
    if not request_budget.lock(tx, now).free(now):
        raise TransientError(f"order {order.id} waits for a request")
    request_budget.take(tx, 1, now)
