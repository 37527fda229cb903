"""A bar is a fact when its time is over, and a day's close is of a day before the trade's."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from common.market import NEW_YORK, Snapshot
from infra.alpaca.facts import Market, crypto, daily_closes, snapshot_facts, stocks

MIDNIGHT = datetime(2026, 2, 10, tzinfo=NEW_YORK)
INSTANT = timedelta(microseconds=1)
MARKETS = [stocks("iex"), crypto("us")]


def bar(opens_at: datetime, close: int = 500) -> dict[str, Any]:
    return {"t": opens_at.isoformat(), "c": close, "o": 1, "h": 600, "l": 1, "v": 10}


def metrics(market: Market, raw: dict[str, Any], now: datetime) -> dict[str, int]:
    found = snapshot_facts(market, "SPY", raw, now)
    return {each.metric: int(each.price) for each in found if isinstance(each, Snapshot)}


def traded(at: datetime, **bars: Any) -> dict[str, Any]:
    return {"latestTrade": {"t": at.isoformat(), "p": 492, "s": 1}, **bars}


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize(("before", "count"), [(INSTANT, 0), (timedelta(), 1)])
def test_a_days_close_is_one_from_midnight_on(
    market: Market, before: timedelta, count: int
) -> None:
    yesterday = bar(MIDNIGHT - timedelta(days=1))

    found = list(daily_closes(market, "SPY", [yesterday], MIDNIGHT - before))

    assert len(found) == count


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize(("before", "count"), [(INSTANT, 0), (timedelta(), 1)])
def test_a_minute_is_over_when_the_next_begins(
    market: Market, before: timedelta, count: int
) -> None:
    noon = MIDNIGHT + timedelta(hours=12)
    raw = traded(noon, minuteBar=bar(noon))

    found = metrics(market, raw, noon + timedelta(minutes=1) - before)

    assert ("minute_bar" in found) == bool(count)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize(
    ("traded_at", "expected"),
    [
        # The day's bar is the running one up to its last instant, and then the close before.
        (MIDNIGHT - INSTANT, {"daily_bar": 500, "prev_close": 480}),
        (MIDNIGHT, {"prev_close": 500}),
    ],
)
def test_a_bar_is_the_days_or_the_close_before_and_never_both(
    market: Market, traded_at: datetime, expected: dict[str, int]
) -> None:
    day = MIDNIGHT - timedelta(days=1)
    raw = traded(traded_at, dailyBar=bar(day), prevDailyBar=bar(day - timedelta(days=1), close=480))

    found = metrics(market, raw, traded_at)

    assert {name: found[name] for name in expected} == expected
    assert ("daily_bar" in found) == ("daily_bar" in expected)


@pytest.mark.parametrize("market", MARKETS)
def test_todays_bar_is_no_previous_close_wherever_it_stands(market: Market) -> None:
    noon = MIDNIGHT + timedelta(hours=12)
    today = bar(MIDNIGHT)

    found = metrics(market, traded(noon, dailyBar=today, prevDailyBar=today), noon)

    assert "prev_close" not in found
