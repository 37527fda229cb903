"""When a schedule begins, and the moments around which things change."""

from datetime import UTC, datetime
from typing import Literal

from common.market import NEW_YORK, next_trading_day_start
from infra.simulator.market.calendar import nyse

Until = Literal["open", "close", "midnight"]


def _new_york(month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=NEW_YORK)


# Ordinary days, the ends of sessions and days, and both nights in which New York's clocks change.
STARTS = {
    "a morning": _new_york(2, 10, 9, 45),
    "noon": _new_york(2, 10, 12, 0),
    "an afternoon": _new_york(2, 11, 13, 30),
    "the last hour": _new_york(2, 12, 15, 5),
    "before the close": _new_york(2, 10, 15, 58),
    "before midnight": _new_york(2, 10, 23, 58),
    "the night the clocks go forward": _new_york(3, 7, 23, 57),
    "the night the clocks go back": _new_york(10, 31, 23, 57),
    "before a half day's close": _new_york(11, 27, 12, 57),
}


def until(moment: Until, now: datetime) -> datetime:
    """Return the next such moment."""
    if moment == "midnight":
        return next_trading_day_start(now).astimezone(UTC)
    calendar = nyse()
    return calendar.next_opening(now).open if moment == "open" else calendar.next_closing(now).close
