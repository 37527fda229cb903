"""A symbol's snapshot or daily bars, as the broker words them, into facts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import Field

from common.bounds import Instant
from common.errors import MalformedMessageError
from common.market import (
    NEW_YORK,
    AssetClass,
    Metric,
    Snapshot,
    next_trading_day_start,
    trading_day,
)
from common.model import TolerantModel
from infra.alpaca.batches import Issue, left_out
from infra.alpaca.quotes import Price, Size
from infra.alpaca.responses import parse

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
# Where feeds of coins begin their days: UTC today, the exchange's and Chicago's midnight before.
_DAY_ZONES = (UTC, NEW_YORK, ZoneInfo("America/Chicago"))


class WireTrade(TolerantModel):
    """A print on the tape."""

    price: Price = Field(alias="p")
    at: Instant = Field(alias="t")
    size: Size = Field(alias="s", default=Decimal(0))


class WireBar(TolerantModel):
    """A bar; its time is its opening."""

    close: Price = Field(alias="c")
    opens_at: Instant = Field(alias="t")
    volume: Size = Field(alias="v", default=Decimal(0))
    open: Price | None = Field(alias="o", default=None)
    high: Price | None = Field(alias="h", default=None)
    low: Price | None = Field(alias="l", default=None)


class _SymbolSnapshot(TolerantModel):
    """Every part may be missing or null: then there is no such fact."""

    latest_trade: WireTrade | None = Field(alias="latestTrade", default=None)
    minute_bar: WireBar | None = Field(alias="minuteBar", default=None)
    daily_bar: WireBar | None = Field(alias="dailyBar", default=None)
    previous_bar: WireBar | None = Field(alias="prevDailyBar", default=None)


@dataclass(frozen=True)
class Market:
    """What differs between the markets: how facts are labelled, and when a day begins and ends.

    `end_of` says when the day ends whose bar opens at an instant.
    """

    asset_class: AssetClass
    feed: str
    day_of: Callable[[datetime], date]
    end_of: Callable[[datetime], datetime]

    def fact(
        self,
        symbol: str,
        metric: Metric,
        price: Decimal,
        volume: Decimal,
        as_of: datetime,
        raw: Any,
    ) -> Snapshot:
        """Return one fact of this market."""
        return Snapshot(symbol, self.asset_class, self.feed, metric, price, volume, as_of, raw)


def stocks(feed: str) -> Market:
    """Return the stock market as a feed shows it; its day is New York's."""
    return Market("us_equity", feed, trading_day, next_trading_day_start)


def crypto(feed: str) -> Market:
    """Return the crypto market; its day is UTC's, and a bar's the one that the feed begins."""
    return Market("crypto", feed, lambda at: at.astimezone(UTC).date(), _end_of_bar)


def _end_of_bar(opens_at: datetime) -> datetime:
    """Return the next midnight of the zone at whose midnight a day's bar opens, else a day later.

    Recordings begin their days at 00:00, 04:00, 05:00 or 06:00 UTC; a day with a change of the
    clocks has 23 or 25 hours.
    """
    for zone in _DAY_ZONES:
        local = opens_at.astimezone(zone)
        if local.time() == time():
            return datetime.combine(local.date() + _DAY, time(), zone).astimezone(UTC)
    return opens_at + _DAY


def snapshot_facts(
    market: Market, symbol: str, raw: Any, now: datetime
) -> Iterator[Snapshot | Issue]:
    """Yield what a snapshot tells, nothing without a trade, and what of it cannot be read.

    Raises MalformedMessageError when it is no snapshot.
    """
    known = parse(_SymbolSnapshot, raw)
    parts = (known.latest_trade, known.minute_bar, known.daily_bar, known.previous_bar)
    yield from left_out(symbol, known, *parts)
    trade = known.latest_trade
    if trade is None:
        return
    yield market.fact(symbol, "last_trade", trade.price, trade.size, trade.at, raw["latestTrade"])
    yield from _day_facts(market, symbol, raw, known, trade.at)
    yield from _minute_facts(market, symbol, raw, known, max(now, trade.at))


def latest_trade(market: Market, symbol: str, raw: Any) -> Snapshot:
    """Return the fact that a trade is. Raises MalformedMessageError."""
    return _trade_fact(market, symbol, parse(WireTrade, raw), raw)


def daily_closes(
    market: Market, symbol: str, raw: Any, now: datetime
) -> Iterator[Snapshot | Issue]:
    """Yield the closes of the days that are over, and which bars cannot be read."""
    return _ended(
        market, symbol, raw, "daily_close", lambda bar: market.end_of(bar.opens_at) <= now
    )


def minute_bars(market: Market, symbol: str, raw: Any, now: datetime) -> Iterator[Snapshot | Issue]:
    """Yield the closes of the minutes that are over, and which bars cannot be read."""
    return _ended(market, symbol, raw, "minute_bar", lambda bar: bar.opens_at + _MINUTE <= now)


def _ended(
    market: Market, symbol: str, raw: Any, metric: Metric, is_over: Callable[[WireBar], bool]
) -> Iterator[Snapshot | Issue]:
    for each in raw:
        try:
            bar = parse(WireBar, each)
        except MalformedMessageError as error:
            yield Issue(symbol, str(error))
            continue
        if is_over(bar):
            yield market.fact(symbol, metric, bar.close, bar.volume, bar.opens_at, each)


def _trade_fact(market: Market, symbol: str, trade: WireTrade, raw: Any) -> Snapshot:
    return market.fact(symbol, "last_trade", trade.price, trade.size, trade.at, raw)


def _day_facts(
    market: Market, symbol: str, raw: Any, known: _SymbolSnapshot, traded_at: datetime
) -> Iterator[Snapshot]:
    bar, name, begun = known.daily_bar, "dailyBar", traded_at
    if bar is not None and market.end_of(bar.opens_at) > traded_at:
        yield from running_day(market, symbol, bar, raw[name], traded_at)
        begun = bar.opens_at
        bar, name = known.previous_bar, "prevDailyBar"
    # Before the day's first bar, `dailyBar` is still the previous session's.
    if bar is not None and market.end_of(bar.opens_at) <= begun:
        yield market.fact(symbol, "prev_close", bar.close, bar.volume, bar.opens_at, raw[name])


def running_day(
    market: Market, symbol: str, bar: WireBar, raw: Any, traded_at: datetime
) -> Iterator[Snapshot]:
    """Yield what a running day's bar tells, which is as recent as the last trade.

    The bar itself keeps its opening time all day.
    """
    prices: dict[Metric, Decimal | None] = {
        "daily_bar": bar.close,
        "day_open": bar.open,
        "day_high": bar.high,
        "day_low": bar.low,
    }
    for metric, price in prices.items():
        if price is not None:
            as_of = max(traded_at, bar.opens_at)
            yield market.fact(symbol, metric, price, bar.volume, as_of, raw)


def _minute_facts(
    market: Market, symbol: str, raw: Any, known: _SymbolSnapshot, now: datetime
) -> Iterator[Snapshot]:
    """Yield the latest minute, unless it is still running: its close could change."""
    bar = known.minute_bar
    if bar is not None and bar.opens_at + _MINUTE <= now:
        yield market.fact(
            symbol, "minute_bar", bar.close, bar.volume, bar.opens_at, raw["minuteBar"]
        )
