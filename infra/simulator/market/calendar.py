"""When the simulated market is open: the New York Stock Exchange's sessions, or always."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from holidays.financial.ny_stock_exchange import NewYorkStockExchange

from infra.simulator.market.timestamps import NEW_YORK

_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day: its New York date, and its bounds in UTC; a close is no part of it."""

    date: date
    open: datetime
    close: datetime
    extended_open: datetime
    extended_close: datetime


class Calendar:
    """Answers every question about sessions from one answer: the session of a date, if any."""

    def __init__(self, session_of: Callable[[date], Session | None], *, never_closes: bool) -> None:
        self.on = session_of
        self.never_closes = never_closes

    def at(self, moment: datetime, *, extended: bool = False) -> Session | None:
        """Return the session that is open at the moment (pre- and after-market on demand)."""
        session = self.on(moment.astimezone(NEW_YORK).date())
        if session is None:
            return None
        opens = session.extended_open if extended else session.open
        closes = session.extended_close if extended else session.close
        return session if opens <= moment < closes else None

    def between(self, first: date, last: date) -> Iterator[Session]:
        """Yield the sessions of the days from first to last, both included."""
        day = first
        while day <= last:
            if session := self.on(day):
                yield session
            day += _DAY

    def next_opening(self, moment: datetime) -> Session:
        """Return the first session that opens after the moment."""
        return self._first(moment, lambda session: session.open > moment)

    def next_closing(self, moment: datetime) -> Session:
        """Return the session that closes next: the current one, or the next to open."""
        return self._first(moment, lambda session: session.close > moment)

    def last_closed(self, moment: datetime) -> Session:
        """Return the latest session that is over."""
        day = moment.astimezone(NEW_YORK).date()
        while not ((session := self.on(day)) and session.close <= moment):
            day -= _DAY
        return session

    def before(self, day: date) -> Session:
        """Return the last session of an earlier day."""
        while not (session := self.on(day - _DAY)):
            day -= _DAY
        return session

    def _first(self, moment: datetime, matches: Callable[[Session], bool]) -> Session:
        day = moment.astimezone(NEW_YORK).date()
        while not ((session := self.on(day)) and matches(session)):
            day += _DAY
        return session


def nyse() -> Calendar:
    """Return the exchange's calendar: holidays, 13:00 closes, both daylight-saving switches."""
    return Calendar(_nyse_session, never_closes=False)


def always_open() -> Calendar:
    """Return a calendar on which each day is one session from midnight to midnight."""
    return Calendar(_whole_day, never_closes=True)


@cache
def _nyse_session(day: date) -> Session | None:
    closed, short = _nyse_days(day.year)
    if day.weekday() >= _SATURDAY or day in closed:
        return None
    is_short = day in short
    return Session(
        date=day,
        open=_wall(day, time(9, 30)),
        close=_wall(day, time(13) if is_short else time(16)),
        extended_open=_wall(day, time(4)),
        extended_close=_wall(day, time(17) if is_short else time(20)),
    )


@cache
def _nyse_days(year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Return the year's holidays and short days."""
    # Named categories: by default the package leaves the short days out. All of them since 1999
    # close at 13:00, so the names need no reading.
    closed = NewYorkStockExchange(years=year, categories="public")  # type: ignore[no-untyped-call]
    short = NewYorkStockExchange(years=year, categories="half_day")  # type: ignore[no-untyped-call]
    return frozenset(closed), frozenset(short)


@cache
def _whole_day(day: date) -> Session:
    opens, closes = _wall(day, time()), _wall(day + _DAY, time())
    return Session(day, opens, closes, opens, closes)


def _wall(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)
