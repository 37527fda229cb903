"""An order as the broker's records hold it, and the states it goes through."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from infra.simulator.market.symbols import is_crypto


class Status(StrEnum):
    """The states the simulator puts an order into of itself; a fault may show any other word."""

    ACCEPTED = "accepted"
    PENDING_NEW = "pending_new"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


# Whatever else an order is, also in words that nobody knows yet, it can still change.
CLOSED = frozenset({Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.REJECTED})
HELD = "held"  # open, and yet in no list of open orders (docs/broker.md, Orders)

_SMALLEST_PART = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Order:
    """One order; instants are nanoseconds, money and quantities are exact.

    `qty` is None for ever on an order by `notional` (docs/broker.md, Orders).
    """

    id: str
    client_order_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    qty: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    extended_hours: bool
    position_intent: str
    status: str
    created_at: int
    submitted_at: int
    updated_at: int
    expires_at: int
    filled_qty: Decimal = Decimal(0)
    filled_avg_price: Decimal | None = None
    filled_at: int | None = None
    expired_at: int | None = None
    canceled_at: int | None = None
    failed_at: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether the order can still change."""
        return self.status not in CLOSED

    @property
    def is_buy(self) -> bool:
        """Whether the order buys."""
        return self.side == "buy"

    @property
    def smallest_part(self) -> Decimal:
        """The least that it can execute by: one share, or nine decimals of it."""
        whole = self.qty is not None and self.qty == self.qty.to_integral_value()
        return Decimal(1) if whole and not is_crypto(self.symbol) else _SMALLEST_PART

    @property
    def can_be_parted(self) -> bool:
        """Whether it can execute in more than one part."""
        return self.qty is None or self.qty > self.smallest_part

    def remaining(self, price: Decimal) -> Decimal:
        """Return the quantity still to fill, at a price when the order is by notional."""
        if self.qty is not None:
            return self.qty - self.filled_qty
        spent = self.filled_qty * (self.filled_avg_price or Decimal(0))
        return affordable((self.notional or Decimal(0)) - spent, price)


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order; `cum_qty` and `leaves_qty` as of just after it."""

    id: str
    order_id: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    cum_qty: Decimal
    leaves_qty: Decimal
    order_status: str
    at: int


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order as a change of its status, or an execution, left it.

    With a `fill`, `position_qty` is what is held of the symbol after it.
    """

    order: Order
    fill: Fill | None = None
    position_qty: Decimal = Decimal(0)


def affordable(money: Decimal, price: Decimal) -> Decimal:
    """Return the quantity, cut to nine decimals, that is worth the money at most."""
    return (money / price).quantize(_SMALLEST_PART, rounding="ROUND_DOWN")
