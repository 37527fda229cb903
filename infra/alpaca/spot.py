"""Stocks and crypto pairs (docs/broker.md): snapshots, past closes and latest trades as facts."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, tzinfo
from functools import partial
from typing import Any

from common.errors import MalformedMessageError
from common.market import CRYPTO_FEED, NEW_YORK, Quote, Snapshot
from infra.alpaca.batches import BatchResult, Issue, missing, parse_each, part, read_isolating
from infra.alpaca.facts import (
    Market,
    crypto,
    daily_closes,
    latest_trade,
    minute_bars,
    snapshot_facts,
    stocks,
)
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.pages import pages
from infra.alpaca.quotes import quote_of

log = logging.getLogger(__name__)

_LARGEST_PAGE = "10000"
# The history has no delayed feed: it shows the consolidated tape, once that is old enough.
_HISTORY_FEED = {"delayed_sip": "sip"}

ReadPart = Callable[[str, Any], Iterable[Snapshot | Issue]]


@dataclass(frozen=True)
class Venue:
    """Where the wire has a market, and how it words it."""

    market: Market
    root: str
    zone: tzinfo
    latest: str
    wrapped: str | None
    params: Mapping[str, str] = field(default_factory=dict)
    history: Mapping[str, str] = field(default_factory=dict)


def stock_venue(feed: str) -> Venue:
    """Return the stock market as a feed shows it.

    Past closes are not adjusted for splits, as `prev_close` is not: rules compare the two, and a
    split shows as a jump instead of silently moving one of them.
    """
    return Venue(
        stocks(feed),
        "/v2/stocks",
        NEW_YORK,
        "trades/latest",
        wrapped=None,
        params={"feed": feed},
        history={"feed": _HISTORY_FEED.get(feed, feed), "adjustment": "raw"},
    )


def without_spin_offs() -> Venue:
    """Return the consolidated tape's history, restated for spin-offs alone."""
    venue = stock_venue("sip")
    return replace(venue, history={**venue.history, "adjustment": "spin-off"})


def crypto_venue() -> Venue:
    """Return Alpaca's crypto market."""
    root = f"/v1beta3/crypto/{CRYPTO_FEED}"
    return Venue(crypto(CRYPTO_FEED), root, UTC, "latest/trades", wrapped="snapshots")


class SpotData:
    """Reads one market; one request for up to 100 symbols. Prices in USD, volumes in units."""

    def __init__(self, http: AlpacaHttp, venue: Venue) -> None:
        self._http, self._venue = http, venue

    def day_of(self, at: datetime) -> date:
        """Return the market's day on which an instant falls."""
        return self._venue.market.day_of(at)

    def snapshots(self, symbols: Sequence[str], now: datetime) -> BatchResult[Snapshot]:
        """Return all that is known of each symbol as facts."""
        market = self._venue.market
        return self._facts(
            symbols,
            self._snapshots,
            lambda symbol, raw: snapshot_facts(market, symbol, raw, now),
        )

    def quote_and_close(self, symbol: str, now: datetime) -> tuple[Quote | None, Snapshot | None]:
        """Return a symbol's latest quote and its last session's close, in one request.

        What of them cannot be read is missing, and logged.
        """
        parts, refused = read_isolating(self._snapshots, [symbol])
        given = {name: raw for name, raw in parts.items() if raw}
        quotes, unquoted = parse_each(given, _latest_quote)
        facts, unknown = parse_each(given, partial(snapshot_facts, self._venue.market, now=now))
        for each in (*refused, *unquoted, *unknown):
            log.warning("%s: %s", each.subject, each.reason)
        close = next((fact for fact in facts if fact.metric == "prev_close"), None)
        return (quotes[0] if quotes else None), close

    def latest_trades(self, symbols: Sequence[str]) -> BatchResult[Snapshot]:
        """Return the `last_trade` of each symbol."""
        market = self._venue.market
        return self._facts(
            symbols,
            lambda batch: part(self._get(self._venue.latest, batch), "trades"),
            lambda symbol, raw: [latest_trade(market, symbol, raw)],
        )

    def daily_closes(
        self, symbols: Sequence[str], first: date, until: datetime
    ) -> BatchResult[Snapshot]:
        """Return the closes of the days from `first` on that are over by an instant."""
        market = self._venue.market
        return self._facts(
            symbols,
            lambda batch: self._bars(
                batch, "1Day", self._midnight(first), self._midnight(market.day_of(until))
            ),
            lambda symbol, raw: daily_closes(market, symbol, raw, until),
        )

    def minute_bars(
        self, symbols: Sequence[str], start: datetime, until: datetime
    ) -> BatchResult[Snapshot]:
        """Return the closes of the minutes from that of `start` on that are over by `until`."""
        first = start.replace(second=0, microsecond=0).isoformat()
        return self._facts(
            symbols,
            lambda batch: self._bars(batch, "1Min", first, until.isoformat()),
            lambda symbol, raw: minute_bars(self._venue.market, symbol, raw, until),
        )

    def _facts(
        self,
        symbols: Sequence[str],
        read: Callable[[Sequence[str]], Mapping[str, Any]],
        facts_of: ReadPart,
    ) -> BatchResult[Snapshot]:
        parts, refused = read_isolating(read, symbols)
        known, unreadable = parse_each({s: raw for s, raw in parts.items() if raw}, facts_of)
        issues = [*refused, *unreadable]
        return BatchResult(tuple(known), (*issues, *missing(symbols, parts, issues)))

    def _snapshots(self, symbols: Sequence[str]) -> dict[str, Any]:
        return part(self._get("snapshots", symbols), self._venue.wrapped)

    def _bars(
        self, symbols: Sequence[str], timeframe: str, start: str, end: str
    ) -> dict[str, list[Any]]:
        params = {
            **self._venue.history,
            "symbols": ",".join(symbols),
            "timeframe": timeframe,
            "start": start,
            "end": end,
            "limit": _LARGEST_PAGE,
        }
        found: dict[str, list[Any]] = {}
        for page in pages(self._http, f"{self._venue.root}/bars", params):
            for symbol, bars in part(page, "bars").items():
                rows = bars if isinstance(bars, list) else [bars]
                found.setdefault(symbol, []).extend(rows if bars else [])
        return found

    def _get(self, what: str, symbols: Sequence[str]) -> Any:
        params = {"symbols": ",".join(symbols), **self._venue.params}
        return self._http.get(f"{self._venue.root}/{what}", params)

    def _midnight(self, day: date) -> str:
        return datetime.combine(day, datetime.min.time(), self._venue.zone).isoformat()


def _latest_quote(symbol: str, raw: Any) -> Iterator[Quote]:
    """Yield the quote of a snapshot, which may have none."""
    if not isinstance(raw, dict):
        raise MalformedMessageError(f"no snapshot: {type(raw).__name__}")
    if raw.get("latestQuote") is not None:
        yield quote_of(symbol, raw["latestQuote"])
