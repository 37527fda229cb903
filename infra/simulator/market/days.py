"""When a symbol's day begins: at midnight in New York for stocks, in UTC for crypto pairs."""

from datetime import date

from infra.simulator.market.calendar import Calendar
from infra.simulator.market.symbols import is_crypto
from infra.simulator.market.timestamps import (
    DAY,
    new_york_date,
    new_york_midnight,
    to_datetime,
    utc_midnight,
)


def day_of(symbol: str, at: int) -> date:
    """Return the date that an instant falls on."""
    return to_datetime(at).date() if is_crypto(symbol) else new_york_date(at)


def midnight(symbol: str, day: date) -> int:
    """Return the instant at which a date begins: the stamp of its daily bar."""
    return utc_midnight(day) if is_crypto(symbol) else new_york_midnight(day)


def day_start(symbol: str, at: int) -> int:
    """Return the beginning of the day that an instant falls on."""
    return midnight(symbol, day_of(symbol, at))


def day_before(symbol: str, at: int, calendar: Calendar) -> int:
    """Return the beginning of the last day of trade before the instant's."""
    if is_crypto(symbol):
        return day_start(symbol, at) - DAY
    return new_york_midnight(calendar.before(new_york_date(at)).date)
