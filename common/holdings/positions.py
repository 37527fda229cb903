"""Fills make positions, positions make trades. A trade is a position's life from flat to flat.

Quantities are signed: above zero long, below zero short. Average-cost accounting, exact decimals.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from common.orders.order import Side


@dataclass(frozen=True)
class Fill:
    """One execution: `qty` units (> 0) at `price` USD; `cum_qty` is the order's total so far."""

    side: Side
    qty: Decimal
    price: Decimal
    cum_qty: Decimal
    filled_at: datetime

    @property
    def signed_qty(self) -> Decimal:
        """Units that it adds to the position."""
        return self.qty if self.side == "buy" else -self.qty


@dataclass(frozen=True)
class Trade:
    """A position as it stands; `id` is None until it is stored."""

    qty: Decimal
    avg_entry_price: Decimal
    realized_pnl: Decimal
    opened_at: datetime
    closed_at: datetime | None = None
    id: int | None = None


@dataclass(frozen=True)
class Holding:
    """What the broker holds of a symbol: signed units, what no open order has taken, its price."""

    qty: Decimal
    available: Decimal
    avg_entry_price: Decimal | None = None


@dataclass(frozen=True)
class Execution:
    """One execution at the broker, whoever ordered it: `qty` is signed, `price` in USD.

    The symbol is spelled as positions spell it, a pair of crypto currencies without its slash.
    """

    id: str
    order_id: str
    symbol: str
    qty: Decimal
    price: Decimal
    at: datetime


@dataclass(frozen=True)
class TradeChange:
    """What one fill did to one trade: the trade afterwards, and the signed units that were its."""

    trade: Trade
    qty: Decimal


def next_fill(
    side: Side,
    known: tuple[Decimal, Decimal],
    reported: tuple[Decimal, Decimal],
    at: datetime,
) -> Fill | None:
    """Derive the execution between two readings of an order's (filled qty, filled average price).

    The broker's cumulative quantity is the truth: reading it twice yields nothing the second time.
    Its averages are rounded, so that a tiny execution's own price may come out as no price at all:
    then the average stands for it.
    """
    known_qty, known_price = known
    reported_qty, reported_price = reported
    qty = reported_qty - known_qty
    if qty <= 0:
        return None
    price = (reported_qty * reported_price - known_qty * known_price) / qty
    return Fill(side, qty, price if price > 0 else reported_price, reported_qty, at)


def apply_fill(trade: Trade | None, fill: Fill) -> list[TradeChange]:
    """Open, add to, reduce, close or flip: return the one or two trades that the fill touched."""
    if trade is None:
        return [_open(fill, fill.signed_qty)]
    if trade.qty * fill.signed_qty > 0:
        return [_add(trade, fill)]
    closing = min(fill.qty, abs(trade.qty)).copy_sign(fill.signed_qty)
    parts = [_reduce(trade, fill, closing)]
    rest = fill.signed_qty - closing
    return [*parts, _open(fill, rest)] if rest else parts


def _open(fill: Fill, qty: Decimal) -> TradeChange:
    return TradeChange(Trade(qty, fill.price, Decimal(0), fill.filled_at), qty)


def _add(trade: Trade, fill: Fill) -> TradeChange:
    qty = trade.qty + fill.signed_qty
    cost = trade.qty * trade.avg_entry_price + fill.signed_qty * fill.price
    return TradeChange(replace(trade, qty=qty, avg_entry_price=cost / qty), fill.signed_qty)


def _reduce(trade: Trade, fill: Fill, closing: Decimal) -> TradeChange:
    qty = trade.qty + closing
    realized = trade.realized_pnl - closing * (fill.price - trade.avg_entry_price)
    closed_at = None if qty else fill.filled_at
    return TradeChange(replace(trade, qty=qty, realized_pnl=realized, closed_at=closed_at), closing)
