"""What becomes of an order under the faults that it met when it was accepted."""

import math
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from infra.simulator.faults.fault import Fault
from infra.simulator.ledger.orders import Order, Status
from infra.simulator.market.timestamps import SECOND

_ENDS = {
    "reject_late": Status.REJECTED,
    "cancel_at_broker": Status.CANCELED,
    "expire_at_broker": Status.EXPIRED,
}


@dataclass(slots=True)
class OrderFault:
    """First the `hold`, then the `course`; both count from when the market is open to the order."""

    begins: int = 0
    hold: Fault | None = None
    course: Fault | None = None
    was_held: bool = False
    executions: int = 0

    def held_as(self, moment: int) -> str | None:
        """Return the status that the order is held in at a moment, None when it is free."""
        if self.hold is None or moment >= self._free_at:
            return None
        return str(self.hold.parameters.get("status", Status.PENDING_NEW))

    def end(self, moment: int) -> Status | None:
        """Return the status in which the broker ends the order of its own accord, if it does."""
        if self.course is None or moment < self._free_at + _seconds(self.course, "delay", 0):
            return None
        return _ENDS.get(self.course.kind)

    def price(self, order: Order, price: Decimal) -> Decimal:
        """Return the price of the next execution: each is worse, within the order's limit."""
        worse = Decimal(str(self._parameter("worse_by", 0))) * self.executions
        price = price + worse if order.is_buy else price - worse
        if order.limit_price is None:
            return price
        return min(price, order.limit_price) if order.is_buy else max(price, order.limit_price)

    def part(self, order: Order, left: Decimal, moment: int) -> Decimal:
        """Return how much of what is left executes at a moment: all, a part, or nothing."""
        if self.course is None or self.course.kind != "partial_fill":
            return left
        due = self._free_at + self.executions * _seconds(self.course, "every", 0)
        if moment < due or self.executions >= self._parameter("executions", math.inf):
            return Decimal(0)
        if self.executions + 1 >= self._parts:
            return left
        step = order.smallest_part
        part = (order.filled_qty + left) * self._fraction
        return min(left, max(step, part.quantize(step, rounding=ROUND_DOWN)))

    def due_times(self) -> list[int]:
        """Return the instants at which something is due."""
        if self.course is None:
            return [self._free_at]
        every = _seconds(self.course, "every", 0)
        parts = [self._free_at + number * every for number in range(self._parts if every else 1)]
        return [*parts, self._free_at + _seconds(self.course, "delay", 0)]

    @property
    def _free_at(self) -> int:
        return self.begins + (_seconds(self.hold, "seconds", 60) if self.hold else 0)

    @property
    def _fraction(self) -> Decimal:
        return Decimal(str(self._parameter("fraction", "0.5")))

    @property
    def _parts(self) -> int:
        return math.ceil(1 / self._fraction)

    def _parameter(self, name: str, default: Any) -> Any:
        return self.course.parameters.get(name, default) if self.course else default


def _seconds(fault: Fault, name: str, default: float) -> int:
    return int(float(fault.parameters.get(name, default)) * SECOND)
