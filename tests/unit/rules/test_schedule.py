from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.market import NEW_YORK, Snapshot
from common.rules.base import Condition
from tests.unit.rules.facts import (
    MINUTE,
    condition,
    fact,
    fired,
    reason,
    refusal,
    rule,
    trades,
    view,
)
from tests.unit.rules.market_days import MarketDays

MONDAYS = condition("schedule", weekdays=["mon"], time="10:00")
EVERY_DAY = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def at_ticks(schedule: Condition, observed: list[datetime], symbol: str = "SPY") -> list[datetime]:
    """The observations at which it fires, each in a tick of its own."""
    seen = [fact("last_trade", 500, at, symbol=symbol) for at in observed]
    found: list[Snapshot] = []
    for before, newest in pairwise(seen):
        known = view(before, newest, now=newest.as_of, symbol=symbol)
        if reason(schedule.evaluate(known)) == "fired":
            found.append(newest)
    return [each.as_of for each in found]


def every_minute(start: datetime, count: int) -> list[datetime]:
    return [start.astimezone(UTC) + MINUTE * number for number in range(count)]


@pytest.mark.parametrize(
    ("before", "newest", "expected"),
    [
        ("2026-02-09T09:58:59", "2026-02-09T09:59:29", "not_met"),
        ("2026-02-09T09:59:29", "2026-02-09T09:59:30", "fired"),
        ("2026-02-09T09:59:00", "2026-02-09T10:00:00", "fired"),
        ("2026-02-09T09:59:00", "2026-02-09T14:30:00", "fired"),
        ("2026-02-09T09:59:30", "2026-02-09T10:00:30", "not_met"),
        ("2026-02-06T15:59:00", "2026-02-09T10:00:10", "fired"),
        ("2026-02-09T09:59:00", "2026-02-10T10:00:00", "not_met"),
        ("2026-02-06T15:59:00", "2026-02-10T10:00:00", "not_met"),
    ],
)
def test_it_fires_with_the_first_observation_of_its_day_at_or_after_the_time(
    before: str, newest: str, expected: str
) -> None:
    seen = fact("last_trade", 500, new_york(before)), fact("last_trade", 500, new_york(newest))

    assert reason(MONDAYS.evaluate(view(*seen, now=new_york(newest)))) == expected


def test_it_says_what_it_saw() -> None:
    monday = new_york("2026-02-09T10:00")

    outcome = fired(MONDAYS.evaluate(view(*trades(499, 500, until=monday), now=monday)))

    assert (outcome.values, outcome.reference, outcome.pct) == ({"time": "10:00"}, None, None)
    assert len(outcome.snapshot_ids) == 2


def test_without_an_earlier_observation_it_does_not_fire() -> None:
    monday = new_york("2026-02-09T10:00")

    assert reason(MONDAYS.evaluate(view(*trades(500, until=monday), now=monday))) == "no_data"


@pytest.mark.parametrize("day", ["2026-03-06", "2026-03-09", "2026-10-30", "2026-11-02"])
def test_ten_oclock_is_ten_oclock_on_both_sides_of_both_clock_changes(day: str) -> None:
    daily = condition("schedule", weekdays=["mon", "fri"], time="10:00")
    ticks = every_minute(new_york(f"{day}T09:30"), 390)

    assert at_ticks(daily, ticks) == [new_york(f"{day}T10:00")]


@pytest.mark.parametrize(
    ("day", "time", "expected"),
    [
        # 02:30 does not exist on this Sunday: half an hour after 02:00 is 03:30.
        ("2026-03-08", "02:30", "2026-03-08T07:30:00+00:00"),
        # 01:30 comes twice on this one: the first counts.
        ("2026-11-01", "01:30", "2026-11-01T05:30:00+00:00"),
    ],
)
def test_in_the_night_of_a_clock_change_it_fires_once(day: str, time: str, expected: str) -> None:
    sundays = condition("schedule", weekdays=["sun"], time=time)
    ticks = every_minute(new_york(f"{day}T00:00"), 23 * 60)

    assert at_ticks(sundays, ticks, "BTC/USD") == [datetime.fromisoformat(expected)]


@given(
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    steps=st.lists(st.integers(20, 5000), min_size=60, max_size=60),
)
def test_it_fires_once_a_day_whatever_the_rhythm_of_the_ticks(
    hour: int, minute: int, start: datetime, steps: list[int]
) -> None:
    daily = condition("schedule", weekdays=EVERY_DAY, time=f"{hour:02}:{minute:02}")
    observed = [start]
    for seconds in steps:
        observed.append(observed[-1] + timedelta(seconds=seconds))

    fires = at_ticks(daily, observed, "BTC/USD")

    days = [(at + timedelta(seconds=30)).astimezone(NEW_YORK).date() for at in fires]
    assert len(set(days)) == len(days)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weekdays": []}, "rule.weekdays: "),
        ({"weekdays": ["monday"]}, "rule.weekdays[0]: "),
        ({"time": "24:00"}, "rule.time: "),
        ({"time": "10:60"}, "rule.time: "),
        ({"time": "9:30"}, "rule.time: "),
        ({"time": "10:00\n"}, "rule.time: "),
        ({"weekdays": ["sat", "sun"]}, "stocks trade from mon to fri"),
        ({"time": "03:59"}, "stocks trade from 04:00 to 20:00"),
        ({"time": "20:00"}, "stocks trade from 04:00 to 20:00"),
        ({"cooldown_seconds": 3599}, "rule.cooldown_seconds: "),
    ],
)
def test_a_time_that_cannot_come_is_refused(changes: dict[str, object], message: str) -> None:
    assert message in refusal("schedule", **{"weekdays": ["mon"], "time": "10:00"} | changes)


def test_crypto_trades_on_sundays_and_at_night() -> None:
    coin = rule("schedule", symbol="BTC/USD", weekdays=["sun"], time="03:00")

    assert coin.all_symbols == ("BTC/USD",)


@pytest.mark.parametrize(
    ("weekdays", "time", "expected"),
    [
        (["tue"], "10:00", ["10:00"]),
        (["mon", "wed"], "10:00", []),
        (["tue"], "09:00", ["09:31"]),
        (["tue"], "16:00", ["16:00"]),
        (["tue"], "17:00", []),
    ],
)
def test_on_minutes_of_a_tuesday_it_fires_at_the_minute(
    market_days: MarketDays, weekdays: list[str], time: str, expected: list[str]
) -> None:
    schedule = condition("schedule", weekdays=weekdays, time=time)

    assert market_days.firings(schedule, "SPY", "2013-10-08") == expected
