"""Records what the broker says of many orders: from a list, or from the stream of updates."""

import logging
from collections.abc import Sequence
from datetime import datetime

from common.orders.broker_order import BrokerOrder
from common.orders.order import Order
from common.server_limits import ServerLimits
from infra.runtime import log_context
from infra.workflows.orders import outcomes
from infra.workflows.orders.order_by_order import OrderByOrder

log = logging.getLogger(__name__)


def record(
    work: OrderByOrder,
    found: Sequence[tuple[Order, BrokerOrder]],
    limits: ServerLimits,
    now: datetime,
) -> int:
    """Record what is an update, each order in a transaction of its own; return how many changed."""
    reported = dict(found)

    def step(order: Order) -> bool:
        update = reported[order]
        return update.is_update_of(order) and record_one(work, order, update, limits, now)

    return work.count(list(reported), step)


def record_one(
    work: OrderByOrder,
    order: Order,
    broker_order: BrokerOrder,
    limits: ServerLimits,
    now: datetime,
) -> bool:
    """Record the broker's report on one order, unless somebody else has done so."""
    with log_context.bound(flow_id=order.flow_id, order_id=str(order.id)):
        with work.with_lock_timeout(work.database) as tx:
            is_update = outcomes.record(tx, order.id, broker_order, limits, now)
        if is_update:
            log.info("the broker says %s", broker_order.status, extra={"event": "order_changed"})
    return is_update
