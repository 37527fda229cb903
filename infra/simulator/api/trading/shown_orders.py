"""What a request gets to see of the orders, as far as its faults let it through."""

from collections.abc import Mapping

import flask

from infra.simulator.api.trading import order_list
from infra.simulator.faults.fault import Fault
from infra.simulator.ledger.orders import Order
from infra.simulator.state import BrokerState


class ShownOrders:
    """The orders of the ledger, spoilt by the faults that the request has met."""

    def __init__(self, broker: BrokerState) -> None:
        self._ledger, self._faults = broker.ledger, broker.faults

    def shown(self, order: Order) -> Order:
        """Return an order that was asked for, possibly as it was before."""
        fault, before = _fault("lag", order), self._ledger.before(order.id)
        return before if fault and before and self._faults.hit(fault) else order

    def found(self, client_order_id: str) -> Order | None:
        """Return the order with the client's id, or None, also when it is there."""
        order = self._ledger.order_by_client_id(client_order_id)
        if order is None:
            return None
        fault = _fault("lookup", order)
        return None if fault and self._faults.hit(fault) else self.shown(order)

    def listed(self, arguments: Mapping[str, str]) -> list[Order]:
        """Return the list that was asked for, one of its orders possibly spoilt."""
        orders = order_list.select(self._ledger.orders(), arguments)
        return self._listed_wrongly(self._lagging(orders), order_list.limit(arguments))

    def _lagging(self, orders: list[Order]) -> list[Order]:
        changed = [order for order in orders if self._ledger.before(order.id)]
        chosen = _chosen("lag", changed)
        return [self.shown(order) if order is chosen else order for order in orders]

    def _listed_wrongly(self, orders: list[Order], limit: int) -> list[Order]:
        chosen = _chosen("list", orders)
        if chosen is None:
            return orders
        fault = _fault("list", chosen)
        if fault is None or not self._faults.hit(fault):
            return orders
        place = orders.index(chosen)
        if fault.kind == "missing_in_list":
            return [*orders[:place], *orders[place + 1 :]]
        former = self._ledger.before(chosen.id) or chosen
        return [*orders[: place + 1], former, *orders[place + 1 :]][:limit]


def _chosen(group: str, orders: list[Order]) -> Order | None:
    """Return the order of a list that the request's fault spoils: what changed last."""
    concerned = [order for order in orders if _fault(group, order)]
    return max(concerned, key=lambda order: order.updated_at, default=None)


def _fault(group: str, order: Order) -> Fault | None:
    fault: Fault | None = flask.g.faults.get(group)
    return fault if fault and fault.concerns(order) else None
