"""What a stream of stock data tells, as facts."""

from collections.abc import Iterator, MutableMapping, Sequence
from datetime import datetime
from typing import Any

from common.errors import MalformedMessageError
from common.market import Snapshot
from infra.alpaca.batches import Issue
from infra.alpaca.facts import WireBar, latest_trade, running_day, stocks
from infra.alpaca.responses import parse
from infra.alpaca.stream.client import Event

_MINUTES, _DAY = frozenset({"b", "u"}), "d"


def stream_facts(
    feed: str, events: Sequence[Event], traded_at: MutableMapping[str, datetime]
) -> Iterator[Snapshot | Issue]:
    """Yield the trades and bars among the events, and which of them cannot be read.

    `traded_at` holds when each stock was last traded, and is kept up: a day's bar has no time of
    its own. Kinds that nobody asked for come too; the broker adds kinds without notice.
    """
    for event in events:
        kind, symbol = event.get("T"), str(event.get("S"))
        raw = {name: value for name, value in event.items() if name not in ("T", "S")}
        try:
            if kind == "t":
                trade = latest_trade(stocks(feed), symbol, raw)
                traded_at[symbol] = trade.as_of
                yield trade
            elif kind in _MINUTES:
                yield _minute(feed, symbol, raw)
            elif kind == _DAY:
                yield from _day(feed, symbol, raw, traded_at.get(symbol))
        except MalformedMessageError as error:
            yield Issue(symbol, str(error))


def _minute(feed: str, symbol: str, raw: dict[str, Any]) -> Snapshot:
    """Return a minute's close; the stream sends it when the minute is over, or corrected."""
    bar = parse(WireBar, raw)
    return stocks(feed).fact(symbol, "minute_bar", bar.close, bar.volume, bar.opens_at, raw)


def _day(
    feed: str, symbol: str, raw: dict[str, Any], traded_at: datetime | None
) -> Iterator[Snapshot]:
    """Yield what the running day's bar tells; nothing while no trade says how recent it is."""
    bar = parse(WireBar, raw)
    if traded_at is not None:
        yield from running_day(stocks(feed), symbol, bar, raw, traded_at)
