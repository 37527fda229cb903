"""Whether what is sold is held: the broker's records stand above ours."""

from decimal import Decimal

from common.guardrails.facts import DenialCode, Denied, Facts
from common.orders.order import Order


def position_has_not_drifted(order: Order, facts: Facts) -> Denied | None:
    """While the broker's records and ours differ, nothing is done with what the user holds.

    Of a sale the difference is seen at once, and not only at the next reconciliation.
    """
    drift, holding = facts.exposure.drift, facts.broker.holding
    if drift is not None:
        numbers = {"symbol": drift.symbol, "ours": drift.ours, "brokers": drift.brokers}
        return Denied(DenialCode.POSITION_DRIFT, numbers)
    ours = facts.exposure.units_of_all
    if order.side == "buy" or holding is None or facts.exposure.is_moving or ours <= 0:
        return None
    if holding.qty < ours:
        numbers = {"symbol": order.symbol, "ours": ours, "brokers": holding.qty}
        return Denied(DenialCode.POSITION_DRIFT, numbers)
    return None


def enough_is_held(order: Order, facts: Facts) -> Denied | None:
    """A sale ends at nothing: it never opens a short position."""
    if order.side == "buy":
        return None
    free, wanted = facts.sellable, _units(order, facts)
    if free is None or wanted is None or wanted > free:
        context = {"symbol": order.symbol, "wanted": wanted, "available": free}
        return Denied(DenialCode.NOT_HELD, context)
    return None


def _units(order: Order, facts: Facts) -> Decimal | None:
    """Return how many units the order sells, at the bid where it is by notional."""
    if order.qty is not None:
        return order.qty
    quote = facts.broker.quote
    if quote is None or quote.bid <= 0 or order.notional_usd is None:
        return None
    return order.notional_usd / quote.bid
