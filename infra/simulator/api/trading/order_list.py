"""Which orders GET /v2/orders shows: a filter, a direction and a limit, no pages."""

from collections.abc import Callable, Iterable, Mapping

from infra.simulator.errors import bad_input
from infra.simulator.ledger.orders import HELD, Order
from infra.simulator.market.symbols import asset_class, held_as
from infra.simulator.market.timestamps import parse

_LARGEST = 500
_STATES: dict[str, Callable[[Order], bool]] = {
    "open": lambda order: order.is_open and order.status != HELD,
    "closed": lambda order: not order.is_open,
    "all": lambda _: True,
}


def select(orders: Iterable[Order], arguments: Mapping[str, str]) -> list[Order]:
    """Return the wanted orders, by submission time, newest first unless asked otherwise."""
    wanted = _STATES.get(arguments.get("status", "open"))
    if wanted is None:
        raise bad_input("invalid status")
    direction = arguments.get("direction", "desc")
    if direction not in ("asc", "desc"):
        raise bad_input("invalid direction")
    found = [order for order in orders if wanted(order) and _matches(order, arguments)]
    found = _around(found, arguments)
    found.sort(key=lambda order: order.submitted_at, reverse=direction == "desc")
    return found[: limit(arguments)]


def limit(arguments: Mapping[str, str]) -> int:
    """Return how many orders the list may hold."""
    text = arguments.get("limit", "50")
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _LARGEST):
        raise bad_input(f"limit must be between 1 and {_LARGEST}")
    return int(text)


def _matches(order: Order, arguments: Mapping[str, str]) -> bool:
    symbols = arguments.get("symbols", "")
    after, until = _instant(arguments, "after"), _instant(arguments, "until")
    return (
        (not symbols or held_as(order.symbol) in held_as(symbols).split(","))
        and order.side == arguments.get("side", order.side)
        and arguments.get("asset_class", "all") in (asset_class(order.symbol), "all")
        and (after is None or order.submitted_at > after)
        and (until is None or order.submitted_at < until)
    )


def _around(orders: list[Order], arguments: Mapping[str, str]) -> list[Order]:
    """Keep what was submitted before or after another order, by its id."""
    submitted = {order.id: order.submitted_at for order in orders}
    before, after = arguments.get("before_order_id"), arguments.get("after_order_id")
    if (before or after) and (arguments.get("after") or arguments.get("until")):
        raise bad_input("order ids cannot be combined with after or until")
    if before:
        orders = [o for o in orders if o.submitted_at < submitted.get(before, 0)]
    if after:
        orders = [o for o in orders if o.submitted_at > submitted.get(after, 0)]
    return orders


def _instant(arguments: Mapping[str, str], name: str) -> int | None:
    if not arguments.get(name):
        return None
    try:
        return parse(arguments[name])
    except ValueError as error:
        raise bad_input(f"invalid {name}") from error
