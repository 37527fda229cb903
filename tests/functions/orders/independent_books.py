"""Positions computed once more, in exact fractions, from nothing but the broker's executions."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from infra.simulator.ledger.adjustments import Adjustment
from infra.simulator.ledger.ledger import Ledger
from infra.simulator.ledger.orders import Fill

BY_HAND = "by hand"


@dataclass
class Position:
    """What somebody holds of a symbol, what it cost, and what its sales brought beyond that."""

    units: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)
    realized: Fraction = Fraction(0)

    def buy(self, units: Fraction, price: Fraction) -> None:
        """Add units at a price."""
        self.units, self.cost = self.units + units, self.cost + units * price

    def leave(self, units: Fraction, price: Fraction) -> None:
        """Take units away, at the average cost of what is held."""
        part = self.cost * units / self.units
        self.realized += units * price - part
        self.units, self.cost = self.units - units, self.cost - part


@dataclass
class IndependentBooks:
    """Everybody's positions: `owners` names whose an order is, by its id at the broker.

    What is sold by hand beyond what was bought by hand is taken from the only other holder.
    """

    positions: dict[tuple[str, str], Position] = field(
        default_factory=lambda: defaultdict(Position)
    )
    oversold: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def follow(self, ledger: Ledger, owners: dict[str, str]) -> None:
        """Take in what the broker has executed and adjusted since the last look."""
        events: list[Fill | Adjustment] = [*ledger.fills(), *ledger.adjustments()]
        new = [event for event in events if event.id not in self._seen]
        for event in sorted(new, key=_turn):
            if isinstance(event, Fill):
                self._execute(event, owners.get(event.order_id, BY_HAND))
            else:
                self._adjust(event)
        self._seen.update(event.id for event in new)

    def of_symbol(self, symbol: str) -> Iterator[tuple[str, Position]]:
        """Yield who holds a symbol, and what."""
        for (owner, name), position in self.positions.items():
            if name == symbol and position.units:
                yield owner, position

    def _execute(self, fill: Fill, owner: str) -> None:
        units, price = Fraction(fill.qty), Fraction(fill.price)
        position = self.positions[owner, fill.symbol]
        if fill.side == "buy":
            position.buy(units, price)
            return
        own = min(units, position.units)
        if own:
            position.leave(own, price)
        if own < units and owner != BY_HAND:
            self.oversold.append(f"{owner} sold {units} {fill.symbol} of {own}")
        elif own < units:
            ((_, other),) = self.of_symbol(fill.symbol)
            other.leave(units - own, price)

    def _adjust(self, adjustment: Adjustment) -> None:
        held = list(self.of_symbol(adjustment.symbol))
        total = sum(position.units for _, position in held)
        for _, position in held:
            if adjustment.kind == "coin_fee":
                position.leave(-Fraction(adjustment.qty) * position.units / total, Fraction(0))
            else:
                position.units += Fraction(adjustment.qty) * position.units / total


def _turn(event: Fill | Adjustment) -> tuple[bool, int]:
    """Put fees last: they are booked when the records are compared, at the average cost of then."""
    return isinstance(event, Adjustment) and event.kind == "coin_fee", event.at
