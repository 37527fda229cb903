"""Corporate actions: what became of a share, and of a price that was known before.

Prices and quantities that are compared must be on one basis. On the ex-date
of a split each `old_rate` shares become `new_rate`; a price from before is restated accordingly.
"""

from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from common.holdings.positions import Trade

# What an action does to a holding: shares become others, they end for cash, they stay and a part of
# their price leaves them, or it is unknown.
Effect = Literal["shares", "cash", "price", "unexplained"]

SPIN_OFF = "spin_off"
# The broker's quantities have nine decimals.
_SMALLEST_PART = Decimal("1e-9")
# A share of the cost that rounding may hide, when a ratio is read from the broker's records.
_ROUNDING = Decimal("0.001")
# A trade has an entry price above zero.
_LEAST_ENTRY = Decimal("1e-9")
_ONE = Decimal(1)


@dataclass(frozen=True)
class CorporateAction:
    """One action, known by the broker's id.

    `new_symbol` is the name that the shares have afterwards, where it changes; `cash` what is paid
    (USD) for each old share, alone or beside new shares.
    """

    id: str
    kind: str
    symbol: str
    ex_date: date
    effect: Effect
    new_rate: Decimal = _ONE
    old_rate: Decimal = _ONE
    new_symbol: str | None = None
    cash: Decimal | None = None


def restate(trade: Trade, action: CorporateAction) -> Trade:
    """Return a trade on the basis after the action; what was paid and realized stays as it was.

    Cash beside new shares gives back a part of what was paid; what exceeds it is realized.
    """
    if action.effect == "cash":
        return _ended(trade, action.cash or Decimal(0))
    if action.cash:
        trade = _given_back(trade, action.cash)
    entry = trade.avg_entry_price * action.old_rate / action.new_rate
    if action.effect == "price":
        return replace(trade, avg_entry_price=entry)
    qty = trade.qty * action.new_rate / action.old_rate
    rounded = qty.quantize(_SMALLEST_PART, ROUND_HALF_UP)
    return replace(trade, qty=rounded, avg_entry_price=entry)


def _given_back(trade: Trade, cash: Decimal) -> Trade:
    entry = max(trade.avg_entry_price - cash, _LEAST_ENTRY)
    exceeds = cash - (trade.avg_entry_price - entry)
    realized = trade.realized_pnl + trade.qty * exceeds
    return replace(trade, avg_entry_price=entry, realized_pnl=realized)


def _ended(trade: Trade, cash: Decimal) -> Trade:
    realized = trade.realized_pnl + trade.qty * (cash - trade.avg_entry_price)
    return replace(trade, qty=Decimal(0), realized_pnl=realized)


def ratio_of_records(
    ours: tuple[Decimal, Decimal], brokers: tuple[Decimal, Decimal]
) -> tuple[Decimal, Decimal] | None:
    """Read a split from two (quantity, average entry price) that cost the same; None for none.

    Returns the new and the old rate. A sale or a purchase changes the cost, a split does not.
    """
    (our_qty, our_entry), (qty, entry) = ours, brokers
    cost = our_qty * our_entry
    if not cost or qty == our_qty or qty * our_qty <= 0:
        return None
    if abs(qty * entry - cost) > abs(cost) * _ROUNDING:
        return None
    return abs(qty), abs(our_qty)
