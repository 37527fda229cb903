"""What a market shows: quotes, bars, and the prints they grow from."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

# Shares are whole here; coins are not.
Volume = int | Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask at an instant; a price of 0 means that this side is empty."""

    at: int
    bid: Decimal
    ask: Decimal
    bid_size: Volume
    ask_size: Volume

    @property
    def two_sided(self) -> bool:
        """Whether both sides have a price."""
        return bool(self.bid and self.ask)


@dataclass(frozen=True, slots=True)
class Bar:
    """Open, high, low, close and volume of an interval, stamped `at` its opening."""

    at: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Volume

    def then(self, later: "Bar") -> "Bar":
        """Return the bar of both intervals, stamped like this one."""
        return Bar(
            at=self.at,
            open=self.open,
            high=max(self.high, later.high),
            low=min(self.low, later.low),
            close=later.close,
            volume=self.volume + later.volume,
        )

    def stamped(self, at: int) -> "Bar":
        """Return the same bar with another opening."""
        return Bar(at, self.open, self.high, self.low, self.close, self.volume)


def joined(bars: Iterable[Bar], at: int) -> Bar:
    """Return one bar for all, which come in order of time, stamped `at`."""
    return reduce(Bar.then, bars).stamped(at)


@dataclass(frozen=True, slots=True)
class Print:
    """One addition to what is known of a symbol: a recorded minute, or one scripted price.

    `bar` is the minute it belongs to, or its part of it. `day` is the stamp of the daily bar of its
    date, to which it counts only when `regular`. `previous_day` replaces the daily bar before.
    A `live` print keeps trading and quoting at its price until the next one comes.
    """

    known_at: int
    traded_at: int
    bar: Bar
    quote: Quote | None
    day: int
    regular: bool
    previous_day: Bar | None = None
    live: bool = False
