"""Listed option contracts and what becomes known of each: scripted, or recorded."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from common.occ import OccSymbol
from infra.simulator.market.bars import Bar, Quote
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.timestamps import from_datetime, new_york_date, new_york_midnight

Price = Decimal | int | str
Greeks = Mapping[str, Price]


@dataclass(frozen=True, slots=True)
class Listing:
    """A contract on the exchange's list."""

    symbol: str
    occ: OccSymbol
    underlying: str
    style: str
    open_interest: int | None


@dataclass(frozen=True, slots=True)
class OptionView:
    """What is known of a contract from an instant on; each part may be missing."""

    known_at: int
    quote: Quote | None
    last: Decimal | None
    last_at: int
    day: Bar | None
    implied_volatility: Decimal | None
    greeks: dict[str, Decimal]


class OptionMarket:
    """All contracts; nothing of them is visible before the clock reaches it, but their names."""

    def __init__(self, clock: SimulatedClock, lock: AbstractContextManager[object]) -> None:
        self._clock, self._lock = clock, lock
        self._listings: dict[str, Listing] = {}
        self._views: dict[str, list[OptionView]] = {}

    def put(
        self,
        contract: str,
        *,
        underlying: str | None = None,
        bid: Price | None = None,
        ask: Price | None = None,
        bid_size: int = 10,
        ask_size: int = 10,
        last: Price | None = None,
        day_volume: int | None = None,
        open_interest: int | None = None,
        implied_volatility: Price | None = None,
        greeks: Greeks | None = None,
        style: str = "american",
        at: datetime | None = None,
    ) -> None:
        """List a contract (an OCC symbol), with what is known of it from `at` (default: now) on.

        Without `bid` and `ask` it has no quote; 0 leaves that side empty. `greeks` are any of
        delta, gamma, theta, vega and rho; without them the snapshot has none. `underlying`
        defaults to the contract's root.
        """
        occ = OccSymbol.parse(contract)
        instant = self._clock.now_ns() if at is None else from_datetime(at)
        view = OptionView(
            known_at=instant,
            quote=_quote(instant, bid, ask, (bid_size, ask_size)),
            last=None if last is None else Decimal(last),
            last_at=instant,
            day=_day(instant, last, day_volume),
            implied_volatility=None if implied_volatility is None else Decimal(implied_volatility),
            greeks={name: Decimal(value) for name, value in (greeks or {}).items()},
        )
        with self._lock:
            listing = Listing(contract, occ, underlying or occ.root, style, open_interest)
            self._listings[contract] = listing
            views = self._views.setdefault(contract, [])
            views.insert(bisect_right(views, instant, key=_known_at), view)

    def listings(self) -> list[Listing]:
        """Return every contract, by symbol."""
        with self._lock:
            return [self._listings[symbol] for symbol in sorted(self._listings)]

    def view(self, contract: str) -> OptionView | None:
        """Return what is known of a contract now."""
        with self._lock:
            views = self._views.get(contract, [])
            count = bisect_right(views, self._clock.now_ns(), key=_known_at)
            return views[count - 1] if count else None

    def forget(self) -> None:
        """Drop every contract."""
        with self._lock:
            self._listings, self._views = {}, {}


def spoilt(view: OptionView, spoil: Callable[[Quote], Quote]) -> OptionView:
    """Return the view with its quote as a fault shows it."""
    return replace(view, quote=spoil(view.quote)) if view.quote else view


def _known_at(view: OptionView) -> int:
    return view.known_at


def _quote(at: int, bid: Price | None, ask: Price | None, sizes: tuple[int, int]) -> Quote | None:
    if bid is None and ask is None:
        return None
    prices = Decimal(bid or 0), Decimal(ask or 0)
    return Quote(at, *prices, sizes[0] if prices[0] else 0, sizes[1] if prices[1] else 0)


def _day(at: int, last: Price | None, volume: int | None) -> Bar | None:
    if last is None or not volume:
        return None
    price = Decimal(last)
    return Bar(new_york_midnight(new_york_date(at)), price, price, price, price, volume)
