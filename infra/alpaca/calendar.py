"""The exchange's calendar: New York wall times without an offset."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from pydantic import BeforeValidator

from common.bounds import Day
from common.errors import TransientError
from common.market import NEW_YORK, Session
from common.model import WireModel
from common.sessions import CalendarDay
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.responses import read_all

_DAY = timedelta(days=1)


def _wall_time(text: object) -> object:
    """Read "0930" as "09:30": regular hours have the colon, extended ones do not."""
    return f"{text[:2]}:{text[2:]}" if isinstance(text, str) and ":" not in text else text


_WallTime = Annotated[time, BeforeValidator(_wall_time)]


class _Row(WireModel):
    date: Day
    open: _WallTime
    close: _WallTime
    session_open: _WallTime
    session_close: _WallTime

    @property
    def day(self) -> CalendarDay:
        """The day with its regular and its extended session."""
        return CalendarDay(
            self.date,
            Session(_utc(self.date, self.open), _utc(self.date, self.close)),
            Session(_utc(self.date, self.session_open), _utc(self.date, self.session_close)),
        )


def calendar(http: AlpacaHttp, first: date, last: date) -> list[CalendarDay]:
    """Return each day from first to last (`GET /v2/calendar`); one without a row is a holiday.

    Raises TransientError when the broker's answer cannot be read, or knows no session at all.
    """
    answer = http.get("/v2/calendar", {"start": first.isoformat(), "end": last.isoformat()})
    sessions = {row.date: row.day for row in read_all(_Row, answer)}
    if not sessions:
        raise TransientError("the broker's calendar is empty")
    days = [first + _DAY * number for number in range((last - first).days + 1)]
    return [sessions.get(day, CalendarDay(day)) for day in days]


def _utc(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)
