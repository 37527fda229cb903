"""Asks the broker about our orders: all of them, or those that the stream may not tell of."""

from datetime import datetime, timedelta
from functools import partial

from common.orders.order import Order
from common.orders.status import SUBMITTING
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import Transaction
from infra.postgres.trading import order_lists, order_tracking
from infra.workflows.orders import broker_orders
from infra.workflows.orders.broker_orders import BrokerOrders
from infra.workflows.orders.order_by_order import OrderByOrder

# While the stream of order updates is whole; without it, whenever `reconcile_orders` runs.
POLLED_EVERY = timedelta(minutes=5)
# The stream's worker says several times a minute that it is.
_WHOLE_FOR = timedelta(seconds=30)


def poll(
    work: OrderByOrder, trading: AlpacaTrading, now: datetime, *, everything: bool = False
) -> tuple[list[Order], BrokerOrders]:
    """Return our open orders, and what the broker says of those that were asked about.

    Raises TransientError when the broker does not answer.
    """
    with work.database.transaction() as tx:
        open_ids = order_lists.open_ids(tx)
        ended_ids = order_lists.lately_ended_ids(tx, now - broker_orders.LATE_EXECUTIONS)
        everything = everything or _is_due(tx, now)
    open_orders = work.read(open_ids)
    asked = [order for order in open_orders if everything or _must_be_asked(order, now)]
    ended = work.read(ended_ids) if everything else ()
    choose = partial(work.as_many_as_may_be, now=now)
    fetched = broker_orders.fetch(asked, ended, trading, choose, now)
    if everything:
        with work.database.transaction() as tx:
            order_tracking.mark(tx, "poll", now)
    return open_orders, fetched


def _is_due(tx: Transaction, now: datetime) -> bool:
    """Whether all orders are to be asked about; an instant still to come proves nothing."""
    seen = order_tracking.read(tx)
    polled, streamed = seen.get("poll"), seen.get("stream")
    is_whole = streamed is not None and abs(now - streamed) <= _WHOLE_FOR
    is_recent = polled is not None and abs(now - polled) < POLLED_EVERY - _WHOLE_FOR
    return not (is_whole and is_recent)


def _must_be_asked(order: Order, now: datetime) -> bool:
    """Whether nobody knows if the broker has it, or it is to be canceled there."""
    return order.status == SUBMITTING or now > order.expires_at
