"""Fires once on each of its weekdays, in the tick at a time in New York or just after it.

    {"type": "schedule", "symbol": "SPY", "weekdays": ["mon"], "time": "10:00", ...}

It fires with the day's first observation of the price at or after that time, and with no later one.
A tick sees a trade that is a little older than itself: one up to half a minute before the time
counts as at it. When the market opens later than that, it fires at the open; when it stays closed
that day, or had closed before (16:00, unless the input asks for extended hours), it does not fire.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StrictInt, model_validator

from common.market import NEW_YORK, Metric, Snapshot
from common.rules.base import BaseRule, Condition, NotFired, Outcome, SymbolView
from common.rules.shared.crossing import last_two

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

_WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HALF_A_TICK = timedelta(seconds=30)
_WEEKEND = {"sat", "sun"}
# Stocks trade between these hours at most (extended hours included).
_EARLIEST, _LATEST = "04:00", "20:00"


class Schedule(Condition):
    """The condition `before < weekday and time <= now`, in terms of the last two observations."""

    template_variables: ClassVar[frozenset[str]] = frozenset({"time"})

    type: Literal["schedule"]
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)]
    time: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]

    @property
    def needs(self) -> Mapping[Metric, int]:
        """The newest observation and the one before."""
        return {"last_trade": 2}

    def evaluate(self, view: SymbolView) -> Outcome:
        """Return whether the time lies between the last two observations."""
        found = last_two(view)
        if isinstance(found, NotFired):
            return found
        before, trade = found
        due = self._due(trade)
        if due is None or not _tick(before) < due <= _tick(trade):
            return view.not_fired("not_met", price=trade.price, time=self.time)
        return view.fired(trade, before, time=self.time)

    def _due(self, trade: Snapshot) -> datetime | None:
        """Return the scheduled instant of the day of a trade, in UTC: there no hour is twice."""
        day = _tick(trade).astimezone(NEW_YORK).date()
        if _WEEK[day.weekday()] not in self.weekdays:
            return None
        return datetime.combine(day, time.fromisoformat(self.time), NEW_YORK).astimezone(UTC)


class ScheduleRule(BaseRule, Schedule):
    """Asks at the time; again after an hour at the earliest: once a day, whatever is repeated."""

    cooldown_seconds: Annotated[StrictInt, Field(ge=3600, le=31_536_000)] = 3600

    @model_validator(mode="after")
    def _can_fire(self) -> Self:
        stocks = any("/" not in symbol for symbol in self.all_symbols)
        if stocks and _WEEKEND.issuperset(self.weekdays):
            raise ValueError("weekdays: stocks trade from mon to fri")
        if stocks and not _EARLIEST <= self.time < _LATEST:
            raise ValueError(f"time: stocks trade from {_EARLIEST} to {_LATEST} at most")
        return self


def _tick(observed: Snapshot) -> datetime:
    """Return until when an observation can have been made by the tick of a scheduled minute."""
    return observed.as_of.astimezone(UTC) + _HALF_A_TICK
