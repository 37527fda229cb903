"""What a stream of stock data tells, as facts."""

from collections.abc import Iterator, Sequence
from typing import Any

from common.errors import MalformedMessageError
from common.market import Snapshot
from infra.alpaca.batches import Issue
from infra.alpaca.facts import WireBar, latest_trade, stocks
from infra.alpaca.responses import parse
from infra.alpaca.stream import Event

# Conditions and kinds that nobody asked for come too; the broker adds kinds without notice.
_BARS = frozenset({"b", "u"})


def stream_facts(feed: str, events: Sequence[Event]) -> Iterator[Snapshot | Issue]:
    """Yield the trades and ended minutes among the events, and which of them cannot be read."""
    for event in events:
        kind, symbol = event.get("T"), str(event.get("S"))
        raw = {name: value for name, value in event.items() if name not in ("T", "S")}
        try:
            if kind == "t":
                yield latest_trade(stocks(feed), symbol, raw)
            elif kind in _BARS:
                yield _minute(feed, symbol, raw)
        except MalformedMessageError as error:
            yield Issue(symbol, str(error))


def _minute(feed: str, symbol: str, raw: dict[str, Any]) -> Snapshot:
    """Return a minute's close; the stream sends it when the minute is over, or corrected."""
    bar = parse(WireBar, raw)
    return stocks(feed).fact(symbol, "minute_bar", bar.close, bar.volume, bar.opens_at, raw)
