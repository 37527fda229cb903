"""Orders that rest at the broker although their yes has expired: they are canceled there.

The broker queues an order that arrives after the close, while its symbol is halted, or while it is
reviewed; a limit order waits for its price. A yes does not count longer than its question, so that
what is not executed by then is canceled. What was executed before stays.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from common.errors import BrokerRefusedError, TransientError
from common.orders.broker_order import BrokerOrder
from common.orders.order import Order
from common.orders.status import TERMINAL
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.trading import orders
from infra.runtime import log_context
from infra.workflows.orders.order_by_order import OrderByOrder

log = logging.getLogger(__name__)

_ENDING = TERMINAL | {"pending_cancel"}
_REASON = "its yes expired before the broker executed it"


def cancel(
    work: OrderByOrder,
    found: Sequence[tuple[Order, BrokerOrder]],
    trading: AlpacaTrading,
    now: datetime,
) -> int:
    """Ask the broker to cancel what is overdue; return how many cancellations it took.

    Its end is seen by a later reconciliation, which also books what a race executed. One that was
    not taken is asked for again in a minute.
    """
    overdue = {
        order: broker_order.broker_order_id
        for order, broker_order in found
        if broker_order.status not in _ENDING and now > order.expires_at
    }

    def step(order: Order) -> bool:
        with work.with_lock_timeout(work.database) as tx:
            orders.note_reason(tx, order.id, _REASON, now)
        return _cancel(order, overdue[order], trading)

    return work.count(work.as_many_as_may_be(list(overdue), now), step)


def _cancel(order: Order, broker_order_id: str, trading: AlpacaTrading) -> bool:
    with log_context.bound(flow_id=order.flow_id, order_id=str(order.id)):
        try:
            trading.cancel(broker_order_id)
        except (BrokerRefusedError, TransientError) as error:
            log.warning("not canceled: %s", error)
            return False
        log.info("canceled: %s", _REASON, extra={"event": "overdue_order_canceled"})
        return True
