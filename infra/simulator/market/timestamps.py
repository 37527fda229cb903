"""Instants as integer nanoseconds since 1970 in UTC, and their RFC 3339 text.

The broker stamps in nanoseconds and drops trailing zeros of the fraction
(docs/broker.md, Numbers and stamps); a datetime keeps microseconds only, so it cannot hold what
goes over the wire.
"""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](?P<time>\d\d:\d\d(?::\d\d)?)(?:\.(?P<fraction>\d{1,9}))?"
    r"(?P<zone>[Zz]|[+-]\d\d:\d\d)?)?"
)


def from_datetime(moment: datetime) -> int:
    """Return the instant of an aware datetime."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1_000


def to_datetime(instant: int) -> datetime:
    """Return the aware UTC datetime, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=instant // 1_000)


def new_york_date(instant: int) -> date:
    """Return the day that the instant falls on in New York."""
    return to_datetime(instant).astimezone(NEW_YORK).date()


def new_york_midnight(day: date) -> int:
    """Return the instant at which the day begins in New York: the stamp of its daily bar."""
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK))


def utc_midnight(day: date) -> int:
    """Return the instant at which the day begins in UTC: the stamp of a crypto pair's daily bar."""
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=UTC))


def rfc3339(instant: int, zone: tzinfo = UTC) -> str:
    """Write the instant with as many fraction digits as it needs (0 to 9)."""
    local = to_datetime(instant).astimezone(zone).replace(microsecond=0)
    fraction = f"{instant % SECOND:09}".rstrip("0")
    text = local.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "")
    return text + ("Z" if zone is UTC else _offset(local))


def parse(text: str) -> int:
    """Read RFC 3339 to the nanosecond; a date alone is midnight in New York, no zone is UTC."""
    found = _RFC3339.fullmatch(text)
    if not found:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    day, time, fraction, zone = found.group("day", "time", "fraction", "zone")
    if time is None:
        return new_york_midnight(date.fromisoformat(day))
    moment = datetime.fromisoformat(f"{day}T{time}{(zone or 'Z').upper()}")
    return from_datetime(moment) + int((fraction or "0").ljust(9, "0"))


def _offset(local: datetime) -> str:
    raw = local.strftime("%z")
    return f"{raw[:3]}:{raw[3:]}"
