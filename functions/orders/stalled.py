"""Orders that make no progress: announced again, given up with a reason, or reported.

An approval whose message was lost is announced again while its yes counts. One that nobody acted
upon before its yes expired is denied, whether its message was lost or it waited for the outcome of
another. An order that was sent, never arrived, and may not be sent any more is denied too, some
time after the last moment at which it could have been sent.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from common.guardrails.consent import expired_approval
from common.guardrails.facts import DenialCode, Denied
from common.orders.order import Order
from common.orders.status import SUBMITTING
from infra.postgres.database import Transaction
from infra.postgres.trading import exposure, order_lists, orders
from infra.runtime import log_context
from infra.workflows.orders.order_by_order import OrderByOrder

log = logging.getLogger(__name__)

# A delivery takes seconds; its redeliveries come with growing pauses.
ANNOUNCED_AGAIN_AFTER = timedelta(minutes=2)
# No request lives this long: what the broker does not show by then never arrived.
GIVEN_UP_AFTER = timedelta(minutes=10)
STUCK_AFTER = timedelta(minutes=5)


def recover(work: OrderByOrder, absent: Sequence[Order], now: datetime) -> dict[str, int]:
    """Announce or give up what nobody has claimed, and what the broker says it does not have."""
    with work.database.transaction() as tx:
        approved = order_lists.approved_ids(tx)
    waiting = [*work.read(approved), *(each for each in absent if each.status == SUBMITTING)]
    stalled = [each for each in waiting if _is_stalled(each, now)]
    over = [each for each in waiting if _is_over(each, now)]
    return {
        "announced_again": work.count(stalled, partial(_announce, work, now=now)),
        "given_up": work.count(over, partial(_give_up, work, now=now)),
    }


def report(tx: Transaction, now: datetime) -> list[dict[str, str]]:
    """Name the orders that have been on their way for too long."""
    found = [
        {"order_id": str(row["id"]), "status": row["status"], "since": row["since"]}
        for row in order_lists.stuck(tx, now - STUCK_AFTER)
    ]
    for order in found:
        log.error("an order is stuck: %s", order, extra={"event": "order_stuck", **order})
    return found


def _is_stalled(order: Order, now: datetime) -> bool:
    """Whether it may be sent, and its message seems to be lost."""
    return order.created_at + ANNOUNCED_AGAIN_AFTER < now <= order.expires_at


def _is_over(order: Order, now: datetime) -> bool:
    """Whether it can be sent no more, and what was sent cannot arrive any more."""
    grace = GIVEN_UP_AFTER if order.status == SUBMITTING else timedelta()
    return expired_approval(order, now - grace) is not None


def _announce(work: OrderByOrder, order: Order, now: datetime) -> bool:
    with work.database.transaction() as tx:
        orders.announce_approval(tx, order, now)
    return True


def _give_up(work: OrderByOrder, order: Order, now: datetime) -> bool:
    """Deny an order for good, unless a delivery is at work on it this very moment."""
    with work.database.exclusive(orders.delivery_of(order.id)) as session:
        if session is None:
            return False
        with work.with_lock_timeout(session) as tx:
            locked = orders.lock(tx, order.id)
            if locked.status != order.status:
                return False
            denied = _expired(tx, locked, now)
            orders.deny(tx, locked, denied, now)
    with log_context.bound(flow_id=order.flow_id, order_id=str(order.id)):
        log.warning("given up: %s", denied.reason, extra={"event": "order_given_up"})
    return True


def _expired(tx: Transaction, order: Order, now: datetime) -> Denied:
    """Say what a locked order waited for until its yes had expired."""
    context: dict[str, object] = {"expires_at": order.expires_at, "now": now}
    if order.status == SUBMITTING:
        return Denied(DenialCode.QUESTION_EXPIRED, context | {"arrived": "never"})
    pending = exposure.outcome_pending(tx, order.firebase_uid, now)
    if pending:
        return Denied(DenialCode.OUTCOME_PENDING, {"order": pending[0]} | context)
    return Denied(DenialCode.QUESTION_EXPIRED, context | {"arrived": "not sent"})
