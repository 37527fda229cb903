"""Everything that will be known of one symbol, and what of it is known at an instant."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby

from infra.simulator.market.bars import Bar, Print, Quote, Volume, joined
from infra.simulator.market.timestamps import MINUTE


@dataclass(frozen=True, slots=True)
class Trade:
    """The last print on the tape."""

    at: int
    price: Decimal
    size: Volume
    number: int


@dataclass(frozen=True, slots=True)
class View:
    """What is known of a symbol at an instant; each part but the trade may be missing."""

    trade: Trade
    quote: Quote | None
    minute: Bar | None
    daily: Bar | None
    previous_daily: Bar | None


@dataclass(frozen=True, slots=True)
class _State:
    """What the prints up to one of them amount to."""

    quote: Quote | None = None
    daily: Bar | None = None
    previous_daily: Bar | None = None

    def after(self, print_: Print) -> "_State":
        quote = print_.quote or self.quote
        daily, previous = self.daily, self.previous_daily
        if seed := print_.previous_day:
            if daily and daily.at == print_.day:
                previous = seed
            else:
                previous = daily if daily and daily.at < seed.at else previous
                daily = seed
        if not print_.regular:
            return _State(quote, daily, previous)
        if daily and daily.at == print_.day:
            return _State(quote, daily.then(print_.bar), previous)
        return _State(quote, print_.bar.stamped(print_.day), daily)


class Tape:
    """The prints of one symbol by the instant they become known.

    The running daily bars are worked out when prints come in, so that a look at any instant is a
    binary search: a whole day can be stepped through minute by minute.
    """

    def __init__(self) -> None:
        self._known: list[int] = []
        self._prints: list[Print] = []
        self._states: list[_State] = []

    def extend(self, prints: Iterable[Print]) -> None:
        """Add prints, in any order of time."""
        for print_ in prints:
            index = bisect_right(self._known, print_.known_at)
            self._known.insert(index, print_.known_at)
            self._prints.insert(index, print_)
            del self._states[index:]
        self._catch_up()

    def view(self, now: int) -> View | None:
        """Return what is known at the instant, or None before the first print."""
        count = bisect_right(self._known, now)
        if not count:
            return None
        last, state = self._prints[count - 1], self._states[count - 1]
        trade, quote = self.trade(count), state.quote
        if last.live:
            trade, quote = replace(trade, at=now), quote and replace(quote, at=now)
        return View(trade, quote, self._minute(count, now), state.daily, state.previous_daily)

    def known(self, after: int, until: int) -> list[tuple[int, Print]]:
        """Return the prints that become known after one instant, up to another, numbered."""
        first, last = bisect_right(self._known, after), bisect_right(self._known, until)
        return list(enumerate(self._prints[first:last], start=first + 1))

    def trade(self, number: int) -> Trade:
        """Return the trade of the print with this number; the first is number 1."""
        print_ = self._prints[number - 1]
        return Trade(print_.traded_at, print_.bar.close, min(print_.bar.volume, 100), number)

    def minute(self, at: int, now: int) -> Bar | None:
        """Return what is known, at the instant, of the minute that opens at `at`."""
        first, last = bisect_left(self._known, at), bisect_right(self._known, now)
        same = [p.bar for p in self._prints[first:last] if p.bar.at == at]
        return joined(same, at) if same else None

    def bars(self, now: int, start: int, end: int, opening: Callable[[int], int]) -> list[Bar]:
        """Return the known bars stamped from start to end, `opening` naming each minute's bar."""
        minutes = (p.bar for p in self._prints[: bisect_right(self._known, now)])
        grouped = groupby((m for m in minutes if m.at + MINUTE <= now), lambda m: opening(m.at))
        return [joined(bars, at) for at, bars in grouped if start <= at <= end]

    def daily_bars(self, now: int, start: int, end: int) -> list[Bar]:
        """Return the known daily bars stamped from start to end, the running one included."""
        days: dict[int, Bar] = {}
        for state in self._states[: bisect_right(self._known, now)]:
            for bar in (state.previous_daily, state.daily):
                if bar:
                    days[bar.at] = bar
        return [days[at] for at in sorted(days) if start <= at <= end]

    def moments(self, after: int, until: int) -> list[int]:
        """Return the instants after one, up to another, at which something becomes known."""
        first, last = bisect_right(self._known, after), bisect_right(self._known, until)
        return self._known[first:last]

    def _catch_up(self) -> None:
        state = self._states[-1] if self._states else _State()
        for print_ in self._prints[len(self._states) :]:
            state = state.after(print_)
            self._states.append(state)

    def _minute(self, count: int, now: int) -> Bar | None:
        """Return the last minute that is over: a running one is not shown."""
        while count and self._prints[count - 1].bar.at + MINUTE > now:
            count -= 1
        return self.minute(self._prints[count - 1].bar.at, now) if count else None
