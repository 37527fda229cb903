"""What becomes known of the stocks, one event after the other, for those who follow them live."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.simulator.market.bars import Bar, Print, Quote
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.market import Market
from infra.simulator.market.symbols import is_stock
from infra.simulator.market.tape import Tape, Trade
from infra.simulator.market.timestamps import MINUTE

Channel = Literal["trades", "quotes", "bars", "updatedBars", "dailyBars"]


@dataclass(frozen=True, slots=True)
class MarketEvent:
    """A fact and the instant at which it becomes known."""

    known_at: int
    channel: Channel
    symbol: str
    fact: Trade | Quote | Bar


class Feed:
    """Tells its followers of each event once, in order of time; the simulator's lock is held.

    A minute's bar comes when the minute is over, the day's running bar with it; a trade that is
    reported later updates the bar. What was known before anybody followed is not told.
    """

    def __init__(self, clock: SimulatedClock, market: Market) -> None:
        self._clock, self._market = clock, market
        self._told = clock.now_ns()
        self._follow: Callable[[Sequence[MarketEvent]], None] | None = None
        market.on_print(self._printed)

    def follow(self, listener: Callable[[Sequence[MarketEvent]], None] | None) -> None:
        """Call this with all events from now on; None ends it."""
        self._told = self._clock.now_ns()
        self._follow = listener

    def advance(self) -> None:
        """Tell what became known up to the clock's time."""
        after, self._told = self._told, self._clock.now_ns()
        if self._follow:
            self._tell(
                event
                for symbol in self._market.symbols()
                if is_stock(symbol)
                for event in _events(symbol, self._market.tape(symbol), after, self._told)
            )

    def _printed(self, symbol: str, print_: Print) -> None:
        """Tell a price that is known already; the clock brings the others."""
        if not self._follow or print_.known_at > self._told or not is_stock(symbol):
            return
        tape = self._market.tape(symbol)
        number, _ = tape.known(print_.known_at - 1, print_.known_at)[-1]
        late = _bars(symbol, tape, print_, self._told) if _end(print_) <= self._told else ()
        self._tell([*_trade(symbol, tape, number, print_), *late])

    def _tell(self, events: Iterable[MarketEvent]) -> None:
        told = sorted(events, key=lambda event: event.known_at)
        if told and self._follow:
            self._follow(told)


def _events(symbol: str, tape: Tape, after: int, now: int) -> Iterator[MarketEvent]:
    """Return what becomes known of a symbol in a span of time."""
    for number, print_ in tape.known(after, now):
        yield from _trade(symbol, tape, number, print_)
    # What was known of a minute before the span began belongs to the bar that ends in it.
    since = after if after // MINUTE == now // MINUTE else after - MINUTE
    bars: dict[tuple[int, int], Print] = {}
    for _, print_ in tape.known(since, now):
        due = max(_end(print_), print_.known_at)
        if after < due <= now:
            bars[due, print_.bar.at] = print_
    for (due, _), print_ in bars.items():
        yield from _bars(symbol, tape, print_, due)


def _trade(symbol: str, tape: Tape, number: int, print_: Print) -> Iterator[MarketEvent]:
    yield MarketEvent(print_.known_at, "trades", symbol, tape.trade(number))
    if print_.quote:
        yield MarketEvent(print_.known_at, "quotes", symbol, print_.quote)


def _bars(symbol: str, tape: Tape, print_: Print, due: int) -> Iterator[MarketEvent]:
    """Return the bar of a print's minute, as known when it is due, and the day's."""
    at = print_.bar.at
    if bar := tape.minute(at, due):
        same = [p for _, p in tape.known(at - 1, due) if p.bar.at == at]
        is_update = due > _end(print_) and len(same) > 1
        yield MarketEvent(due, "updatedBars" if is_update else "bars", symbol, bar)
    view = tape.view(due)
    if view and view.daily:
        yield MarketEvent(due, "dailyBars", symbol, view.daily)


def _end(print_: Print) -> int:
    return print_.bar.at + MINUTE
