"""What is known of the market: snapshots (stored facts), quotes, freshness and trading days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from common.bounds import SMALLEST_FLOAT_EXPONENT, is_ordinary

NEW_YORK = ZoneInfo("America/New_York")

AssetClass = Literal["us_equity", "crypto", "us_option"]
# `daily_bar` is the running day's; `daily_close` are the closes of past sessions, oldest first.
Metric = Literal[
    "last_trade",
    "daily_bar",
    "prev_close",
    "day_open",
    "day_high",
    "day_low",
    "minute_bar",
    "daily_close",
]
StockFeed = Literal["iex", "sip", "delayed_sip"]
OptionFeed = Literal["indicative", "opra"]
CRYPTO_FEED = "us"
# A fact may be from a little ahead of us: two clocks differ.
_CLOCK_SKEW = timedelta(days=1)
USD = "USD"


@dataclass(frozen=True)
class Snapshot:
    """One fact: `price` (USD) and `volume` (shares) of a symbol's metric, true as of an instant.

    `raw` is the broker's own fragment. `id` is the stored row's, None before it is stored.
    """

    symbol: str
    asset_class: AssetClass
    feed: str
    metric: Metric
    price: Decimal
    volume: Decimal | None
    as_of: datetime
    raw: dict[str, Any]
    id: int | None = None

    @property
    def day(self) -> date:
        """The day whose bar it belongs to: New York's, and UTC's for crypto."""
        if self.asset_class == "crypto":
            return self.as_of.astimezone(UTC).date()
        return trading_day(self.as_of)

    def defect(self, now: datetime) -> str | None:
        """Say why nothing may be computed from it, whoever stored it; None when it is sound."""
        if self.price is None or not (_is_countable(self.price) and self.price):
            return f"its price is {self.price}"
        if self.volume is not None and not _is_countable(self.volume):
            return f"its volume is {self.volume}"
        if self.as_of > now + _CLOCK_SKEW:
            return f"it is of {self.as_of.isoformat()}, which has not come yet"
        return None


def _is_countable(number: Decimal) -> bool:
    return is_ordinary(number, SMALLEST_FLOAT_EXPONENT) and number >= 0


@dataclass(frozen=True)
class Quote:
    """Best bid and ask (USD); a side that is empty is zero."""

    symbol: str
    bid: Decimal
    ask: Decimal
    as_of: datetime

    @property
    def is_crossed(self) -> bool:
        """Whether the bid is above the ask: bad data, however narrow it looks."""
        return self.bid > self.ask > 0

    @property
    def mid(self) -> Decimal | None:
        """The middle of both sides, None when one is empty."""
        return (self.bid + self.ask) / 2 if self.bid > 0 and self.ask > 0 else None


@dataclass(frozen=True)
class Session:
    """A regular session of the exchange, from the broker's calendar."""

    open: datetime
    close: datetime

    def contains(self, at: datetime) -> bool:
        """Return whether the market is open at an instant; at the close it no longer is."""
        return self.open <= at < self.close


def quote_currency(symbol: str) -> str:
    """Return the currency in which a symbol is priced: a pair's second, USD for anything else."""
    return symbol.partition("/")[2] or USD


def trading_day(at: datetime) -> date:
    """Return the calendar day in New York on which an instant falls."""
    return at.astimezone(NEW_YORK).date()


def trading_day_start(at: datetime) -> datetime:
    """Return the midnight in New York with which the trading day of an instant begins."""
    return datetime.combine(trading_day(at), datetime.min.time(), NEW_YORK)


def next_trading_day_start(at: datetime) -> datetime:
    """Return the midnight in New York with which the next trading day begins."""
    return datetime.combine(trading_day(at) + timedelta(days=1), datetime.min.time(), NEW_YORK)


def is_fresh(as_of: datetime, now: datetime, max_age: timedelta) -> bool:
    """Return whether a fact is recent; one from the future is as wrong as one from long ago."""
    return abs(now - as_of) <= max_age
