"""Historical bars: timeframes, ranges and pages whose limit counts all symbols."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from infra.simulator.api.data import wire_data
from infra.simulator.errors import ApiError, bad_data_request
from infra.simulator.market.bars import Bar, joined
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.days import day_of, midnight
from infra.simulator.market.market import Market
from infra.simulator.market.tape import Tape
from infra.simulator.market.timestamps import (
    MINUTE,
    new_york_date,
    new_york_midnight,
    parse,
    rfc3339,
)

_LARGEST_PAGE = 10_000
_FEEDS = {"iex", "sip", "otc", "boats"}
# Without a realtime plan the last quarter of an hour of the consolidated tape is not shown.
_SIP_DELAY = 15 * MINUTE
Adjusted = Callable[[str, Bar], Bar]

_TIMEFRAME = re.compile(r"(\d+)(Min|T|Hour|H|Day|D|Week|W|Month|M)")
_LONGEST = {"Min": 59, "Hour": 23, "Day": 1, "Week": 1}


@dataclass(frozen=True, slots=True)
class _Query:
    count: int
    unit: str
    start: int
    end: int
    limit: int
    descending: bool
    after: tuple[str, int] | None


def bars_page(
    market: Market,
    clock: SimulatedClock,
    symbols: Sequence[str],
    arguments: Mapping[str, str],
    adjusted: Adjusted,
) -> tuple[dict[str, list[Any]], str | None]:
    """Return one page of bars by symbol, sorted by symbol then time, and the token of the next.

    `adjusted` restates a bar from before a split, where the request asks for that.
    """
    now = clock.now_ns()
    query = _query(arguments, now)
    found = [
        (symbol, bar)
        for symbol in sorted(symbols)
        if query.after is None or symbol >= query.after[0]
        for bar in _remaining(symbol, _bars(symbol, market.tape(symbol), query, now), query)
    ]
    page = found[: query.limit]
    bars: dict[str, list[Any]] = {}
    for symbol, bar in page:
        bars.setdefault(symbol, []).append(wire_data.bar(adjusted(symbol, bar)))
    return bars, _token(*page[-1]) if len(found) > len(page) else None


def _bars(symbol: str, tape: Tape, query: _Query, now: int) -> list[Bar]:
    if query.unit in ("Min", "Hour"):
        return tape.bars(now, query.start, query.end, _opening(symbol, query))
    opening = _opening(symbol, query)
    days = tape.daily_bars(now, 0, now)
    groups: dict[int, list[Bar]] = {}
    for day in days:
        groups.setdefault(opening(day.at), []).append(day)
    return [joined(g, at) for at, g in groups.items() if query.start <= at <= query.end]


def _remaining(symbol: str, bars: list[Bar], query: _Query) -> list[Bar]:
    ordered = bars[::-1] if query.descending else bars
    if query.after is None or symbol != query.after[0]:
        return ordered
    last = query.after[1]
    return [bar for bar in ordered if (bar.at < last if query.descending else bar.at > last)]


def _opening(symbol: str, query: _Query) -> Callable[[int], int]:
    """Return what names the bar of an instant: its left edge."""
    if query.unit == "Min":
        return lambda at: at - at % (query.count * MINUTE)
    if query.unit == "Hour":
        return lambda at: at - at % (query.count * 60 * MINUTE)
    return lambda at: midnight(symbol, _first_day(day_of(symbol, at), query))


def _first_day(day: date, query: _Query) -> date:
    if query.unit == "Week":
        return day - timedelta(days=day.weekday())
    if query.unit == "Month":
        return day.replace(month=(day.month - 1) // query.count * query.count + 1, day=1)
    return day


def _query(arguments: Mapping[str, str], now: int) -> _Query:
    count, unit = _timeframe(arguments.get("timeframe", ""))
    is_sip = _checked(arguments, "feed", _FEEDS, "iex") == "sip"
    today = new_york_midnight(new_york_date(now))
    end = _instant(arguments, "end", now - _SIP_DELAY if is_sip else now)
    if is_sip and end > now - _SIP_DELAY:
        message = "subscription does not permit querying recent SIP data"
        raise ApiError(403, {"code": 42210000, "message": message})
    return _Query(
        count=count,
        unit=unit,
        start=_instant(arguments, "start", today),
        end=end,
        limit=_limit(arguments.get("limit", "1000")),
        descending=_checked(arguments, "sort", {"asc", "desc"}, "asc") == "desc",
        after=_position(arguments.get("page_token", "")),
    )


def _timeframe(text: str) -> tuple[int, str]:
    found = _TIMEFRAME.fullmatch(text)
    if not found:
        raise bad_data_request(f"invalid timeframe: {text}")
    short = {"T": "Min", "H": "Hour", "D": "Day", "W": "Week", "M": "Month"}
    count, unit = int(found[1]), short.get(found[2], found[2])
    allowed = count in {1, 2, 3, 4, 6, 12} if unit == "Month" else 1 <= count <= _LONGEST[unit]
    if not allowed:
        raise bad_data_request(f"invalid timeframe: {text}")
    return count, unit


def _checked(arguments: Mapping[str, str], name: str, allowed: set[str], default: str) -> str:
    value = arguments.get(name, default)
    if value not in allowed:
        raise bad_data_request(f"invalid {name}: {value}")
    return value


def _instant(arguments: Mapping[str, str], name: str, default: int) -> int:
    if not arguments.get(name):
        return default
    try:
        return parse(arguments[name])
    except ValueError as error:
        raise bad_data_request(f"invalid {name}: {arguments[name]}") from error


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise bad_data_request(f"invalid limit: {text}")
    if int(text) > _LARGEST_PAGE:
        raise bad_data_request("invalid limit: larger than the allowed maximum of 10000")
    return int(text)


def _token(symbol: str, last: Bar) -> str:
    return base64.b64encode(f"{symbol}|{rfc3339(last.at)}".encode()).decode()


def _position(token: str) -> tuple[str, int] | None:
    if not token:
        return None
    try:
        symbol, _, at = base64.b64decode(token, validate=True).decode().partition("|")
        return symbol, parse(at)
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise bad_data_request("invalid page_token") from error
