"""Days made up of waves: prices fall by the evening, turn often, and trade more than on average."""

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache

from common.market import NEW_YORK
from tests.unit.rules.facts import MINUTE
from tests.unit.rules.market_days import Row

_FIRST, _LAST = date(2012, 1, 3), date(2013, 12, 31)
_MINUTES = 390
_PHASE = 2.4  # the known day's, in a wave of 75 days
_CLOSE, _CLOSE_OF = 167.42, date(2013, 10, 7)  # of every symbol
_VOLUME = 1_000  # of a minute


@cache
def minutes(_symbol: str, day: str) -> list[Row]:
    """Return the minutes of a day, which opens at the close of the day before."""
    opens = datetime.combine(date.fromisoformat(day), time(9, 30), NEW_YORK)
    before = float(next(row.close for row in reversed(days(_symbol)) if f"{row.at:%F}" < day))
    closes = [before * (1 + _moved(number) / 100) for number in range(-1, _MINUTES)]
    return [
        _row(opens + number * MINUTE, closes[number], closes[number + 1], _VOLUME + number % 7)
        for number in range(_MINUTES)
    ]


@cache
def days(_symbol: str) -> list[Row]:
    """Return the rows of all weekdays of two years, oldest first."""
    numbers = range((_LAST - _FIRST).days + 1)
    weekdays = [day for day in (_FIRST + timedelta(n) for n in numbers) if day.weekday() < 5]
    known = weekdays.index(_CLOSE_OF)
    closes = [
        _CLOSE * (1 + _moved_by_days(number - known) / 100) for number in range(-1, len(weekdays))
    ]
    return [
        _row(
            datetime.combine(day, time(), NEW_YORK),
            closes[number],
            closes[number + 1],
            _MINUTES * _VOLUME * 2 // 3,
        )
        for number, day in enumerate(weekdays)
    ]


def _moved(minute: int) -> float:
    """Return how many percent a price has moved since the close of the day before."""
    swing = 0.4 * math.sin(minute / 9) + 0.1 * math.sin(minute / 2.3)
    return swing - 0.9 * minute / _MINUTES


def _moved_by_days(number: int) -> float:
    """Return how many percent a close is away from the known one, `number` weekdays before it."""
    return 3 * (math.sin(number / 12 + _PHASE) - math.sin(_PHASE)) + 0.4 * math.sin(number / 1.7)


def _row(at: datetime, opened: float, closed: float, volume: int) -> Row:
    """Return a row that reaches a little beyond its open and close."""
    low, high = sorted((opened, closed))
    return Row(
        at=at,
        open=_cents(opened),
        high=_cents(high + 0.02),
        low=_cents(low - 0.02),
        close=_cents(closed),
        volume=volume,
    )


def _cents(price: float) -> Decimal:
    return Decimal(f"{price:.2f}")
