"""Whether the ledger agrees with itself: each sum taken again from the executions."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal

from infra.simulator.ledger.ledger import START_CASH, Ledger
from infra.simulator.ledger.orders import Fill, Order, Status
from infra.simulator.ledger.positions import cents

# An average is kept with 28 digits; what it stands for is a sum.
_ROUNDING = Decimal("1e-12")


def problems(ledger: Ledger) -> list[str]:
    """Return what does not fit together in the simulator's own records; empty when all does."""
    fills = defaultdict[str, list[Fill]](list)
    for fill in ledger.fills():
        fills[fill.order_id].append(fill)
    orders = {order.id: order for order in ledger.orders()}
    found = [f"fills of no order: {order_id}" for order_id in fills.keys() - orders.keys()]
    for order in orders.values():
        found += [f"{order.client_order_id}: {problem}" for problem in _of(order, fills[order.id])]
    return [*found, *_of_account(ledger)]


def _of(order: Order, fills: list[Fill]) -> Iterator[str]:
    """Yield what is wrong with an order, by its executions."""
    filled = sum((fill.qty for fill in fills), Decimal(0))
    paid = sum((fill.qty * fill.price for fill in fills), Decimal(0))
    if filled != order.filled_qty:
        yield f"filled_qty {order.filled_qty}, executed {filled}"
    if fills and abs((order.filled_avg_price or 0) * filled - paid) > _ROUNDING:
        yield f"filled_avg_price {order.filled_avg_price}, executed for {paid}"
    if (order.qty is not None and filled > order.qty) or paid > (order.notional or paid):
        yield f"executed more than was ordered: {filled} for {paid}"
    if order.status == Status.FILLED and (not fills or order.qty not in (None, filled)):
        yield f"filled with {filled} of {order.qty}"
    if any(fill.side != order.side or fill.symbol != order.symbol for fill in fills):
        yield "executed as another order"


def _of_account(ledger: Ledger) -> Iterator[str]:
    """Yield what is wrong with ids, cash and positions."""
    ids = Counter(o.client_order_id for o in ledger.orders() if o.status != Status.CANCELED)
    yield from (f"{name}: the id of {count} orders" for name, count in ids.items() if count > 1)
    cash, held = START_CASH, defaultdict[str, Decimal](Decimal)
    for fill in ledger.fills():
        sign = 1 if fill.side == "buy" else -1
        cash -= cents(fill.qty * fill.price) * sign
        held[fill.symbol] += fill.qty * sign
    for adjustment in ledger.adjustments():
        cash += adjustment.cash
        held[adjustment.symbol] += adjustment.qty
    if cash != ledger.account().cash:
        yield f"cash {ledger.account().cash}, by the executions {cash}"
    positions = {position.symbol: position.qty for position in ledger.positions()}
    if positions != {symbol: qty for symbol, qty in held.items() if qty}:
        yield f"positions {positions}, by the executions {dict(held)}"
