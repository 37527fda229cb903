"""A bar is a fact when its time is over, and a day's close is of a day before the trade's."""

from datetime import UTC, datetime, timedelta
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


# Days of coins as others recorded them: from Chicago's midnight on (alpaca-py issue 169, and
# Alpaca-API issue 227, whose high was of the next day in UTC), from New York's (ccxt's recorded
# answers), and since July 2025 from UTC's (lumibot pull request 826). The closes of 2022-01, 41524
# and those of 2024-10-31 and 11-01 are theirs, the others made up.
@pytest.mark.parametrize(
    ("first", "hour", "closes"),
    [
        ((2022, 1, 1), 6, (47033, 47086, 46139, 46310)),
        ((2022, 3, 6), 6, (38450, 38000, 41524, 39415)),
        ((2022, 6, 10), 5, (29084, 28424, 26574, 22487)),
        ((2024, 10, 30), 5, (72258, 69515, 69656, 69300)),
        ((2025, 7, 23), 0, (118754, 118340, 117540, 117900)),
    ],
)
def test_a_coins_day_is_the_one_that_its_bar_begins(
    first: tuple[int, int, int], hour: int, closes: tuple[int, ...]
) -> None:
    begins = [datetime(*first, hour, tzinfo=UTC) + timedelta(days=n) for n in range(len(closes))]
    bars = [bar(at, close) for at, close in zip(begins, closes, strict=True)]
    market = crypto("us")

    def ended(now: datetime) -> list[int]:
        found = daily_closes(market, "BTC/USD", bars, now)
        return [int(each.price) for each in found if isinstance(each, Snapshot)]

    def shown(now: datetime) -> dict[str, int]:
        return metrics(market, traded(now, dailyBar=bars[3], prevDailyBar=bars[2]), now)

    last = begins[-1] + timedelta(days=1)
    assert ended(last - INSTANT) == list(closes[:3])
    assert ended(last) == list(closes)
    running, over = shown(last - INSTANT), shown(last)
    assert (running["daily_bar"], running["prev_close"]) == (closes[3], closes[2])
    assert (over.get("daily_bar"), over["prev_close"]) == (None, closes[3])


# The day on which the feed changed from Chicago's midnight to UTC's (lumibot pull request 826): the
# bar before reaches into the running one, and is no close of the day before it.
def test_of_two_days_that_overlap_neither_is_the_others_yesterday() -> None:
    running = datetime(2025, 7, 24, tzinfo=UTC)
    before = datetime(2025, 7, 23, 5, tzinfo=UTC)
    noon = running + timedelta(hours=12)
    raw = traded(noon, dailyBar=bar(running, 118340), prevDailyBar=bar(before, 118754))

    found = metrics(crypto("us"), raw, noon)

    assert found["daily_bar"] == 118340
    assert "prev_close" not in found
