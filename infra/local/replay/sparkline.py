"""A session's prices as one line of text, with a mark where rules fired."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from infra.local.replay.history import History

WIDTH = 65
_LEVELS = "▁▂▃▄▅▆▇█"


def charts(history: History) -> Iterator[str]:
    """Yield for each symbol that traded its range, its prices, and marks where rules fired."""
    opens, closes = history.session.open, history.session.close
    for symbol, prices in sorted(history.prices.items()):
        within = [(at, price) for at, price in prices if opens <= at <= closes]
        if not within:
            continue
        fired = [each.fired.as_of for each in history.opportunities if each.fired.symbol == symbol]
        columns = {_column(at, opens, closes) for at in fired}
        marks = "".join("▲" if n in columns else " " for n in range(WIDTH))
        low, high = min(p for _, p in within), max(p for _, p in within)
        yield f"{symbol}, ${low} to ${high}"
        yield _levels(within, opens, closes, low, high)
        yield from [marks.rstrip()] if columns else []


def _levels(
    prices: Sequence[tuple[datetime, Decimal]],
    opens: datetime,
    closes: datetime,
    low: Decimal,
    high: Decimal,
) -> str:
    last = {_column(at, opens, closes): price for at, price in prices}
    shown, level = "", " "
    for column in range(WIDTH):
        if column in last:
            share = (last[column] - low) / (high - low) if high > low else Decimal(0)
            level = _LEVELS[min(int(share * len(_LEVELS)), len(_LEVELS) - 1)]
        shown += level
    return shown


def _column(at: datetime, opens: datetime, closes: datetime) -> int:
    return min(int((at - opens) / (closes - opens) * WIDTH), WIDTH - 1)
