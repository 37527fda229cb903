"""What is held of a symbol, and how a fill changes it."""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Position:
    """A net holding: `qty` is below zero when short; `opened_at` in nanoseconds."""

    symbol: str
    qty: Decimal
    avg_entry_price: Decimal
    opened_at: int

    @property
    def cost_basis(self) -> Decimal:
        """What was paid for it, in whole cents; below zero when short."""
        return cents(self.qty * self.avg_entry_price)

    def after(self, signed_qty: Decimal, price: Decimal) -> "Position | None":
        """Return the position after a fill, or None when it leaves nothing.

        Only growing moves the average price: selling a part realizes profit, it does not reprice.
        """
        qty = self.qty + signed_qty
        if not qty:
            return None
        if self.qty * signed_qty < 0:
            return replace(self, qty=qty)
        paid = self.qty * self.avg_entry_price + signed_qty * price
        return replace(self, qty=qty, avg_entry_price=paid / qty)


def cents(money: Decimal) -> Decimal:
    """Round to whole cents, as the broker's cash moves (docs/broker.md, States and fills)."""
    return money.quantize(CENT, rounding=ROUND_HALF_UP)
