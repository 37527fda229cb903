"""What the broker says of our open orders: a list request or two, whatever their number."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from common.errors import TradingError
from common.orders.broker_order import BrokerOrder
from common.orders.order import Order
from common.orders.status import SUBMITTING
from infra.alpaca.trading import AlpacaTrading

log = logging.getLogger(__name__)

# Orders are listed from a little before our oldest one: the two clocks may differ.
CLOCK_SKEW = timedelta(minutes=5)
# What is open no more and was submitted earlier than this is looked up one by one, not listed.
LISTED = timedelta(days=1)
# For this long the broker may still report an execution of an order that it has ended.
LATE_EXECUTIONS = timedelta(minutes=15)


@dataclass(frozen=True)
class BrokerOrders:
    """What was found, what the broker says it does not have, and what could not be read.

    Only an absence is recorded: what could not be read is asked again in a minute.
    """

    found: Sequence[tuple[Order, BrokerOrder]]
    absent: Sequence[Order]
    unreadable: Sequence[Order]

    @property
    def unknown(self) -> list[Order]:
        """The orders of which nobody knows what became."""
        return [*self.absent, *self.unreadable]


def fetch(
    open_orders: Sequence[Order],
    lately_ended: Sequence[Order],
    trading: AlpacaTrading,
    choose: Callable[[Sequence[Order]], Sequence[Order]],
    now: datetime,
) -> BrokerOrders:
    """List what is open at the broker, then what has ended, then look up what neither shows.

    Those that ended a moment ago are only listed: most often nothing more comes of them. Each
    look-up is a request: of many, those that `choose` returns are looked up now. Raises
    TransientError when the broker does not answer.
    """
    listed = _listed(open_orders, trading, "open")
    ended = [*_missing(open_orders, listed), *lately_ended]
    recent = [each for each in ended if each.created_at > now - LISTED]
    listed |= _listed(recent, trading, "closed")
    readings = {each.id: known for each in open_orders if (known := _in_list(each, listed))}
    unlisted = [each for each in open_orders if each.id not in readings]
    chosen = {order.id for order in choose(unlisted)}
    absent: list[Order] = []
    unreadable: list[Order] = []
    for order in unlisted:
        if order.id not in chosen:
            unreadable.append(order)
            continue
        try:
            reading = _look_up(order, trading)
        except TradingError as error:
            log.warning("order %s: %s", order.id, error)
            unreadable.append(order)
            continue
        if reading is None:
            absent.append(order)
        else:
            readings[order.id] = reading
    found = [(order, readings[order.id]) for order in open_orders if order.id in readings]
    late = [each for each in lately_ended if each.client_order_id in listed]
    found += [(each, listed[each.client_order_id]) for each in late]
    return BrokerOrders(found, absent, unreadable)


def _listed(
    wanted: Sequence[Order], trading: AlpacaTrading, status: Literal["open", "closed"]
) -> dict[str, BrokerOrder]:
    """List the broker's orders of a status, since the oldest that is wanted; none for none."""
    if not wanted:
        return {}
    since = min(order.created_at for order in wanted) - CLOCK_SKEW
    listed = trading.orders(status, since)
    return {each.client_order_id: each for each in listed if each.client_order_id}


def _missing(open_orders: Sequence[Order], listed: Iterable[str]) -> list[Order]:
    known = set(listed)
    return [order for order in open_orders if order.client_order_id not in known]


def _in_list(order: Order, listed: Mapping[str, BrokerOrder]) -> BrokerOrder | None:
    """Find an order in the lists; one that was never recorded is looked up if it seems another."""
    found = listed.get(order.client_order_id)
    return None if found is None or is_another(order, found) else found


def is_another(order: Order, found: BrokerOrder) -> bool:
    """Whether the broker's order only has our order's id: ours was never recorded there."""
    return order.status == SUBMITTING and found.contradicts(order)


def _look_up(order: Order, trading: AlpacaTrading) -> BrokerOrder | None:
    """Ask for one order that no list shows, as one of unknown outcome may be."""
    if order.status == SUBMITTING:
        log.warning(
            "order %s: outcome unknown, looking it up",
            order.id,
            extra={"event": "order_outcome_unknown", "order_id": str(order.id)},
        )
    return trading.look_up(order)
