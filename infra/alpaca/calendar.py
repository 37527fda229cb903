"""The exchange's calendar: New York wall times without an offset."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

from common.bounds import Day
from common.errors import MalformedMessageError, TransientError
from common.market import NEW_YORK, Session
from common.model import WireModel
from common.sessions import CalendarDay
from infra.alpaca.batches import parse
from infra.alpaca.http import AlpacaHttp

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


def calendar(http: AlpacaHttp, first: date, last: date) -> list[CalendarDay]:
    """Return each day from first to last (`GET /v2/calendar`); one without a row is a holiday.

    Raises TransientError when the broker's answer cannot be read, or knows no session at all.
    """
    answer = http.get("/v2/calendar", {"start": first.isoformat(), "end": last.isoformat()})
    if not isinstance(answer, list) or not answer:
        raise TransientError("the broker's calendar is empty")
    try:
        sessions = {day.date: day for day in map(_day, answer)}
    except MalformedMessageError as error:
        raise TransientError(str(error)) from error
    days = [first + _DAY * number for number in range((last - first).days + 1)]
    return [sessions.get(day, CalendarDay(day)) for day in days]


def _day(raw: Any) -> CalendarDay:
    row = parse(_Row, raw)
    return CalendarDay(
        row.date,
        Session(_utc(row.date, row.open), _utc(row.date, row.close)),
        Session(_utc(row.date, row.session_open), _utc(row.date, row.session_close)),
    )


def _utc(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)
