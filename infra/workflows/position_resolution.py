"""Resolves by a person's word what nothing explains of a difference from the broker's records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common.errors import PermanentError, TransientError
from common.holdings.drift import LOOKBACK, SETTLED_AFTER
from common.holdings.positions import Execution, Fill, apply_fill
from infra.alpaca.positions import holding_of
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import Database, Transaction
from infra.postgres.trading import adjustments, differences, positions
from infra.postgres.trading.adjustments import Adjustment, Owned

_NONE = Decimal(0)


@dataclass(frozen=True)
class Resolution:
    """What a person says of a symbol: which units of which users were sold by hand, and why.

    `price` is what a unit brought (USD); None takes the average of the account's sales by hand.
    What the account holds beyond its users' units is held by hand, beside them.
    """

    symbol: str
    sold: Mapping[str, Decimal]
    price: Decimal | None
    why: str


def resolve(
    database: Database, trading: AlpacaTrading, resolution: Resolution, now: datetime
) -> Decimal:
    """Book a resolution; return how many units are held by hand afterwards.

    The symbol's orders pass again at once. Raises PermanentError, and books nothing, when what is
    said does not lead to the broker's quantity.
    """
    symbol = resolution.symbol.replace("/", "")
    holding = holding_of(trading.positions(), symbol)
    executions = [each for each in trading.executions(now - LOOKBACK) if each.symbol == symbol]
    with database.transaction() as tx:
        held = adjustments.open_trades(tx, symbol)
        if symbol in positions.moving(tx, now - SETTLED_AFTER):
            raise TransientError(f"an order in {symbol} is under way: try again in a few minutes")
        new = differences.new_manual_fills(tx, executions)
        manual = differences.manual_holdings(tx).get(symbol, _NONE)
        by_hand = _held_by_hand(resolution, held, manual, holding.qty)
        if resolution.sold:
            _sell(tx, resolution, held, _price(resolution, new), now)
        differences.store_manual_fills(tx, new)
        differences.set_manual_holding(tx, symbol, by_hand, now)
        differences.remove(tx, symbol)
    return by_hand


def _held_by_hand(
    resolution: Resolution, held: Sequence[Owned], manual: Decimal, brokers: Decimal
) -> Decimal:
    """Return what the account holds beside its users, when what is said adds up."""
    units = {each.firebase_uid: each.trade.qty for each in held}
    for uid, qty in resolution.sold.items():
        if not 0 < qty <= units.get(uid, _NONE):
            raise PermanentError(f"{uid} holds {units.get(uid, _NONE)}: {qty} cannot be theirs")
    sold = sum(resolution.sold.values(), _NONE)
    ours = sum(units.values(), _NONE)
    by_hand = brokers - (ours - sold)
    if ours + manual == brokers:
        raise PermanentError(f"{resolution.symbol}: nothing differs, the account holds {brokers}")
    if by_hand < 0:
        raise PermanentError(f"{-by_hand} more units are missing: say of whom, with --sold UID=QTY")
    if sold and by_hand > manual:
        raise PermanentError(f"{by_hand - manual} units more are named than are missing")
    return by_hand


def _price(resolution: Resolution, new: Sequence[Execution]) -> Decimal:
    if resolution.price is not None:
        return resolution.price
    sales = [each for each in new if each.qty < 0]
    if not sales:
        raise PermanentError("the account shows no new sale by hand: say --price, in USD")
    return sum((e.qty * e.price for e in sales), _NONE) / sum((e.qty for e in sales), _NONE)


def _sell(
    tx: Transaction, resolution: Resolution, held: Sequence[Owned], price: Decimal, now: datetime
) -> None:
    """Book for each user named that their units left at a price."""
    why = Adjustment("manual", f"{resolution.why} ({now.isoformat()})", now, price)
    for owned in held:
        if qty := resolution.sold.get(owned.firebase_uid):
            sold = Fill("sell", qty, price, qty, now)
            adjustments.adjust(tx, owned, apply_fill(owned.trade, sold)[0].trade, why, now)
