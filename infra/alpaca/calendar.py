"""The exchange's calendar: New York wall times without an offset."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, model_validator

from common.bounds import Day
from common.errors import MalformedMessageError, TransientError
from common.market import NEW_YORK, Session
from common.model import WireModel
from common.sessions import CalendarDay
from infra.alpaca.batches import BatchResult, Issue
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.responses import items, parse

_DAY = timedelta(days=1)


def _wall_time(text: object) -> object:
    """Read "0930" as "09:30": regular hours have the colon, extended ones do not."""
    return f"{text[:2]}:{text[2:]}" if isinstance(text, str) and ":" not in text else text


_WallTime = Annotated[time, BeforeValidator(_wall_time)]


class _Dated(WireModel):
    date: Day


class _Row(_Dated):
    open: _WallTime
    close: _WallTime
    session_open: _WallTime
    session_close: _WallTime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        hours = (self.session_open, self.open, self.close, self.session_close)
        if any(at.tzinfo for at in hours) or not (
            self.session_open <= self.open < self.close <= self.session_close
        ):
            raise ValueError("the hours are no wall times in order")
        return self

    @property
    def day(self) -> CalendarDay:
        """The day with its regular and its extended session."""
        return CalendarDay(
            self.date,
            Session(_utc(self.date, self.open), _utc(self.date, self.close)),
            Session(_utc(self.date, self.session_open), _utc(self.date, self.session_close)),
        )


def calendar(http: AlpacaHttp, first: date, last: date) -> BatchResult[CalendarDay]:
    """Return the days from first to last (`GET /v2/calendar`); one without a row is a holiday.

    A row that cannot be read leaves its day out, which is unknown then; where not even its day can
    be read, every day without a row is. Raises TransientError when the broker's answer is no list,
    or no row of it can be read.
    """
    answer = http.get("/v2/calendar", {"start": first.isoformat(), "end": last.isoformat()})
    sessions: dict[date | None, CalendarDay] = {}
    unread: dict[date | None, Issue] = {}
    for raw in items(answer):
        try:
            row = parse(_Row, raw)
            sessions[row.date] = row.day
        except MalformedMessageError as error:
            day = _day_of(raw)
            unread[day] = Issue("calendar", f"{day or 'a day'} is left out: {error}")
    if not sessions:
        raise TransientError("the broker's calendar has no day that can be read")
    days = (first + _DAY * number for number in range((last - first).days + 1))
    known = (
        each for each in days if each not in unread and (each in sessions or None not in unread)
    )
    found = tuple(sessions.get(each, CalendarDay(each)) for each in known)
    return BatchResult(found, tuple(unread.values()))


def _day_of(raw: object) -> date | None:
    try:
        return parse(_Dated, raw).date
    except MalformedMessageError:
        return None


def _utc(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)
