"""What is known of each symbol: recorded minutes, and prices set by script."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal

from infra.simulator.market.bars import Bar, Print, Quote, Volume
from infra.simulator.market.calendar import Calendar
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.days import day_before, day_start, midnight
from infra.simulator.market.recording import Recording
from infra.simulator.market.symbols import is_crypto, is_stock
from infra.simulator.market.tape import Tape, View
from infra.simulator.market.timestamps import DAY, MINUTE, from_datetime, to_datetime

Price = Decimal | int | str

_CENT = Decimal("0.01")
_SUB_PENNY = Decimal("0.0001")


class Market:
    """The tapes of all symbols; nothing on them is visible before the clock reaches it."""

    def __init__(
        self,
        clock: SimulatedClock,
        calendar: Calendar,
        recording: Recording | None,
        lock: AbstractContextManager[object],
    ) -> None:
        self._clock, self._calendar, self._recording, self._lock = clock, calendar, recording, lock
        self._tapes: dict[str, Tape] = {}
        self._before: Callable[[], None] = _nothing
        self._after: Callable[[], None] = _nothing
        self._printed: Callable[[str, Print], None] = _ignore
        self.forget_script()

    def set_price(
        self,
        symbol: str,
        last: Price,
        *,
        prev_close: Price | None = None,
        bid: Price | None = None,
        ask: Price | None = None,
        bid_size: Volume = 100,
        ask_size: Volume = 100,
        volume: Volume = 100,
        at: datetime | None = None,
        live: bool = False,
    ) -> None:
        """Print one trade and quote, known from `at` (default: now) on.

        bid and ask default to one cent around the trade; 0 leaves that side empty. `volume` is
        this print's own, and adds to the day's. `prev_close` sets the daily bar of the session
        before. An earlier `at` makes a stale print, a later one shows when the clock gets there.
        With `live`, trade and quote carry the clock's time until the next print: the price stands,
        but is always fresh (its daily bar stays on the day of the print).
        """
        _check(symbol)
        instant = self._clock.now_ns() if at is None else from_datetime(at)
        price = _above_zero(symbol, last)
        quote = _quote(instant, price, bid, ask, (bid_size, ask_size))
        seed = None if prev_close is None else _above_zero(symbol, prev_close)
        with self._lock:
            self._before()
            print_ = self._print(symbol, instant, price, volume, quote, seed, live=live)
            self._tapes.setdefault(symbol, Tape()).extend([print_])
            self._printed(symbol, print_)
            self._after()

    def put_days(self, symbol: str, closes: Mapping[date, Price], *, volume: Volume = 100) -> None:
        """Add whole past days, each with all its prices at its close."""
        _check(symbol)
        prints = [
            self._day(symbol, day, _above_zero(symbol, closes[day]), volume) for day in closes
        ]
        with self._lock:
            self._before()
            self._tapes.setdefault(symbol, Tape()).extend(prints)
            self._after()

    def symbols(self) -> list[str]:
        """Return every symbol that has or will have a price."""
        with self._lock:
            return sorted(self._tapes)

    def view(self, symbol: str, at: int | None = None) -> View | None:
        """Return what is known of the symbol at the instant (default: now)."""
        with self._lock:
            tape = self._tapes.get(symbol)
            return tape.view(self._clock.now_ns() if at is None else at) if tape else None

    def tape(self, symbol: str) -> Tape:
        """Return the symbol's tape, an empty one when it is unknown."""
        return self._tapes.get(symbol) or Tape()

    def forget_script(self) -> None:
        """Go back to the recording alone."""
        with self._lock:
            self._tapes = {}
            for symbol in self._recording.symbols if self._recording else ():
                self._tapes[symbol] = Tape()
                self._tapes[symbol].extend(
                    self._recording.prints(symbol) if self._recording else ()
                )

    def on_change(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        """Call these around every scripted price."""
        self._before, self._after = before, after

    def on_print(self, listener: Callable[[str, Print], None]) -> None:
        """Call this with every scripted price, once it is on the tape."""
        self._printed = listener

    def _print(
        self,
        symbol: str,
        at: int,
        price: Decimal,
        volume: Volume,
        quote: Quote,
        prev_close: Decimal | None,
        *,
        live: bool,
    ) -> Print:
        day = day_start(symbol, at)
        return Print(
            known_at=at,
            traded_at=at,
            bar=Bar(at - at % MINUTE, price, price, price, price, volume),
            quote=quote,
            day=day,
            regular=is_crypto(symbol) or self._calendar.at(to_datetime(at)) is not None,
            previous_day=None if prev_close is None else self._seed(symbol, at, prev_close),
            live=live,
        )

    def _seed(self, symbol: str, at: int, close: Decimal) -> Bar:
        return Bar(day_before(symbol, at, self._calendar), close, close, close, close, 0)

    def _day(self, symbol: str, day: date, close: Decimal, volume: Volume) -> Print:
        start = midnight(symbol, day)
        session = None if is_crypto(symbol) else self._calendar.on(day)
        end = from_datetime(session.close) if session else start + DAY
        bar = Bar(end - MINUTE, close, close, close, close, volume)
        return Print(end, end - 1, bar, None, start, regular=True)


def _check(symbol: str) -> None:
    if not (is_stock(symbol) or is_crypto(symbol)):
        raise ValueError(f"not a stock symbol or crypto pair: {symbol!r}")


def _nothing() -> None:
    """Stand in until somebody wants to hear of changes."""


def _ignore(symbol: str, print_: Print) -> None:
    """Stand in until somebody wants to hear of prices."""


def _quote(
    at: int, last: Decimal, bid: Price | None, ask: Price | None, sizes: tuple[Volume, Volume]
) -> Quote:
    tick = _CENT if last >= 1 else _SUB_PENNY
    best_bid = last - tick if bid is None else Decimal(bid)
    best_ask = last + tick if ask is None else Decimal(ask)
    if best_bid < 0 or best_ask < 0:
        raise ValueError(f"a quote cannot be below 0: bid {best_bid}, ask {best_ask}")
    return Quote(at, best_bid, best_ask, sizes[0] if best_bid else 0, sizes[1] if best_ask else 0)


def _above_zero(symbol: str, price: Price) -> Decimal:
    if isinstance(price, float):
        raise TypeError(f"{symbol}: money is Decimal, int or text, not a float")
    exact = Decimal(price)
    if not exact > 0:
        raise ValueError(f"{symbol}: a price must be above 0, got {price}")
    return exact
