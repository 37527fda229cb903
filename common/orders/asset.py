"""What the broker says of an asset: what may be done with it, and on which grid."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

_DOLLAR, _CENT, _SUB_CENT = Decimal(1), Decimal("0.01"), Decimal("0.0001")


@dataclass(frozen=True)
class Asset:
    """An asset's permissions, and its increments where the broker states them (USD, units).

    Stocks state none: their prices follow the sub-penny rule of US markets, cents from one dollar
    on and hundredths of a cent below.
    """

    tradable: bool
    fractionable: bool
    marginable: bool = False
    shortable: bool = False
    price_increment: Decimal | None = None
    qty_increment: Decimal | None = None
    min_qty: Decimal | None = None

    def price_step(self, price: Decimal) -> Decimal:
        """Return the distance between two prices that the broker takes, near a price."""
        if self.price_increment is not None:
            return self.price_increment
        return _CENT if price >= _DOLLAR else _SUB_CENT

    def on_grid(self, price: Decimal, rounding: str) -> Decimal:
        """Round a price to one that the broker takes; zero when there is none below it."""
        step = self.price_step(price)
        return (price / step).quantize(Decimal(1), rounding) * step

    def takes_qty(self, qty: Decimal) -> bool:
        """Return whether a quantity is large enough and a multiple of the increment."""
        on_grid = self.qty_increment is None or not qty % self.qty_increment
        return on_grid and (self.min_qty is None or qty >= self.min_qty)

    def sellable(self, held: Decimal) -> Decimal:
        """Return what of a holding can be sold: a fee or a split may leave it off the grid."""
        step = self.qty_increment or (None if self.fractionable else Decimal(1))
        return held if step is None else held - held % step

    def qty_for(self, notional: Decimal, price: Decimal) -> Decimal:
        """Return the units that a notional buys at a price (both USD), on the grid."""
        step = self.qty_increment or Decimal("1e-9")
        return (notional / price / step).quantize(Decimal(1), ROUND_DOWN) * step
