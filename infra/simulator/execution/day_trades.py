"""Day trades: positions that were opened and closed, at least in part, on one day of New York."""

from collections.abc import Iterable

from infra.simulator.ledger.orders import Fill
from infra.simulator.market.symbols import is_crypto
from infra.simulator.market.timestamps import new_york_date


def count(fills: Iterable[Fill], now: int) -> int:
    """Count today's: the stocks that were bought and sold. Coins are not under the rule."""
    sides = _sides_today(fills, now)
    return sum(each == {"buy", "sell"} for each in sides.values())


def would_be_one(fills: Iterable[Fill], now: int, symbol: str, side: str) -> bool:
    """Return whether closing by an order of this side would make another day trade."""
    return _sides_today(fills, now).get(symbol) == {"sell" if side == "buy" else "buy"}


def _sides_today(fills: Iterable[Fill], now: int) -> dict[str, set[str]]:
    today = new_york_date(now)
    found: dict[str, set[str]] = {}
    for fill in fills:
        if not is_crypto(fill.symbol) and new_york_date(fill.at) == today:
            found.setdefault(fill.symbol, set()).add(fill.side)
    return found
