"""Option contracts: the windows that inputs watch, and what is known of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Self

from common.inputs import OptionInput
from common.occ import OptionType

OptionStyle = Literal["american", "european"]


@dataclass(frozen=True)
class OptionContract:
    """A contract as the broker lists it; `open_interest` is None when it does not say."""

    symbol: str
    underlying: str
    type: OptionType
    strike: Decimal
    expiry: date
    style: OptionStyle
    open_interest: int | None


@dataclass(frozen=True)
class OptionSnapshot:
    """What was known of a contract at an instant; None where the broker gave nothing.

    Prices in USD per share, sizes in contracts; a side of the quote that is empty has price 0.
    `theta` is per day; `underlying_price` is the underlying's last trade when this was fetched.
    """

    contract: OptionContract
    feed: str
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    last_trade: Decimal | None
    day_volume: Decimal | None
    implied_volatility: Decimal | None
    delta: Decimal | None
    gamma: Decimal | None
    theta: Decimal | None
    vega: Decimal | None
    rho: Decimal | None
    underlying_price: Decimal
    as_of: datetime
    raw: dict[str, Any]
    id: int | None = None


@dataclass(frozen=True)
class ChainWindow:
    """Which contracts of an underlying are watched: days to expiry, and strikes around a price."""

    min_days: int
    max_days: int
    strike_pct: Decimal

    @classmethod
    def of(cls, each: OptionInput) -> Self:
        """Return the window that an input states."""
        return cls(each.min_days_to_expiry, each.max_days_to_expiry, each.strike_window_pct)

    def joined(self, other: "ChainWindow") -> "ChainWindow":
        """Return the smallest window around both."""
        return ChainWindow(
            min(self.min_days, other.min_days),
            max(self.max_days, other.max_days),
            max(self.strike_pct, other.strike_pct),
        )

    def around(self, price: Decimal, today: date) -> "ChainBounds":
        """Return the bounds, both ends included, around the underlying's price."""
        reach = price * self.strike_pct / 100
        return ChainBounds(
            today + timedelta(days=self.min_days),
            today + timedelta(days=self.max_days),
            max(price - reach, Decimal(0)),
            price + reach,
        )


@dataclass(frozen=True)
class ChainBounds:
    """The expiries and strikes (USD) from first to last, ends included."""

    first_expiry: date
    last_expiry: date
    lowest_strike: Decimal
    highest_strike: Decimal

    def widened(self) -> "ChainBounds":
        """Return room for the price to move in a day: as far again to both sides."""
        half = (self.highest_strike - self.lowest_strike) / 2
        lowest = max(self.lowest_strike - half, Decimal(0))
        return ChainBounds(self.first_expiry, self.last_expiry, lowest, self.highest_strike + half)


def windows_of(inputs: Sequence[OptionInput]) -> dict[str, ChainWindow]:
    """Return one window per underlying that is wide enough for every input."""
    found: dict[str, ChainWindow] = {}
    for each in inputs:
        for underlying in each.underlyings:
            own = ChainWindow.of(each)
            found[underlying] = found[underlying].joined(own) if underlying in found else own
    return found
