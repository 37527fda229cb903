from collections.abc import Sequence
from datetime import UTC, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.market import Snapshot
from common.rules.base import Outcome
from tests.unit.rules.facts import (
    MINUTE,
    NOON,
    condition,
    days,
    fact,
    fired,
    minutes,
    reason,
    refusal,
    silent,
    trades,
    view,
)
from tests.unit.rules.market_days import MarketDays

UP = condition("moving_average_cross", fast=2, slow=4, timeframe="1Min", direction="up")
DOWN = condition("moving_average_cross", fast=2, slow=4, timeframe="1Min", direction="down")
DAILY = condition("moving_average_cross", fast=2, slow=4, timeframe="1Day", direction="up")
LOW = [10, 10, 8, 8]
WEEK = [100, 100, 80, 80]


def on_minutes(*closes: object) -> Outcome:
    return UP.evaluate(view(*minutes(*closes), *trades(closes[-1])))


def on_days(*observed: object, past: Sequence[object] = WEEK) -> Outcome:
    return DAILY.evaluate(view(*days(*past), *trades(*observed)))


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        # Before: 8 against (10 + 10 + 8 + 8) / 4. Now: (8 + x) / 2 against (10 + 8 + 8 + x) / 4.
        ("9.99", "not_met"),
        ("10", "fired"),
        ("10.01", "fired"),
    ],
)
def test_it_fires_when_the_fast_average_reaches_the_slow_one(newest: str, expected: str) -> None:
    assert reason(on_minutes(*LOW, newest)) == expected


def test_downwards_it_is_the_reverse() -> None:
    high = [8, 8, 10, 10]

    falls = DOWN.evaluate(view(*minutes(*high, 8), *trades(8)))
    stays = DOWN.evaluate(view(*minutes(*high, "8.01"), *trades(8)))

    assert (reason(falls), reason(stays)) == ("fired", "not_met")


def test_it_says_what_it_saw() -> None:
    bars, seen = minutes(*LOW, 11), trades("11.5")

    outcome = fired(UP.evaluate(view(*bars, *seen)))

    assert (outcome.price, outcome.values) == (Decimal("11.5"), {"fast": "9.5", "slow": "9.25"})
    assert sorted(outcome.snapshot_ids) == sorted(each.id or 0 for each in [*bars, *seen])


def test_of_days_it_says_between_which_observations_it_crossed() -> None:
    *past, yesterday = days(*WEEK)
    observed = trades(99, 101)

    outcome = fired(DAILY.evaluate(view(*past, yesterday, *observed)))

    assert sorted(outcome.snapshot_ids) == sorted(each.id or 0 for each in [*past, *observed])


def test_todays_own_bar_is_no_past_day() -> None:
    today = fact("daily_close", 1, NOON.replace(hour=0))
    *past, yesterday = days(100, *WEEK)

    outcome = DAILY.evaluate(view(*past, today, yesterday, *trades(99, 101)))

    assert reason(outcome) == "fired"


def test_it_is_silent_until_there_are_enough_minutes_of_this_session() -> None:
    opening = NOON.replace(hour=9, minute=34)
    evening = minutes(*LOW, until=NOON.replace(day=9, hour=16))
    early = minutes(1, 1, until=NOON.replace(hour=9, minute=30))

    def at_open(*closes: object) -> Outcome:
        bars = minutes(*closes, until=opening)
        return UP.evaluate(view(*evening, *early, *bars, *trades(11, until=opening), now=opening))

    assert silent(at_open(8, 8, 8, 11)).observed == {
        "missing": "history",
        "found": "4",
        "needed": "5",
    }


def test_outside_the_session_todays_minutes_count() -> None:
    morning = NOON.replace(hour=8)
    facts = [*minutes(*LOW, 11, until=morning), *trades(11, until=morning)]

    assert reason(UP.evaluate(view(*facts, now=morning))) == "fired"
    assert reason(UP.evaluate(view(*facts, now=morning, session=None))) == "fired"


def test_crypto_has_no_night() -> None:
    midnight = NOON.replace(hour=0, minute=2)
    bars = minutes(*LOW, 11, until=midnight, symbol="BTC/USD")
    seen = trades(11, until=midnight, symbol="BTC/USD")

    outcome = UP.evaluate(view(*bars, *seen, now=midnight, symbol="BTC/USD"))

    assert reason(outcome) == "fired"


@pytest.mark.parametrize(
    ("hole", "expected"), [(0, "fired"), (3, "fired"), (4, "no_data")], ids=str
)
def test_a_hole_longer_than_prices_stay_fresh_ends_the_history(hole: int, expected: str) -> None:
    earlier = minutes(*LOW[:3], until=NOON - (2 + hole) * MINUTE)

    outcome = UP.evaluate(view(*earlier, *minutes(8, 11), *trades(11)))

    assert reason(outcome) == expected


def test_minutes_that_stopped_coming_are_stale() -> None:
    old = minutes(*LOW, 11, until=NOON - 4 * MINUTE)

    assert reason(UP.evaluate(view(*old, *trades(11)))) == "stale"


def test_an_old_trade_and_no_minutes_at_all_fire_nothing() -> None:
    assert reason(UP.evaluate(view(*minutes(*LOW, 11)))) == "no_data"
    assert reason(UP.evaluate(view(*trades(11)))) == "no_data"


@pytest.mark.parametrize(
    ("observed", "expected"),
    [(["99.9", "100"], "fired"), (["99.8", "99.9"], "not_met"), (["100", "101"], "not_met")],
)
def test_todays_close_is_the_last_trade(observed: list[str], expected: str) -> None:
    assert reason(on_days(*observed)) == expected


def test_the_first_observation_of_a_day_is_compared_with_the_last_close() -> None:
    evening = fact("last_trade", 110, NOON.replace(day=9, hour=15, minute=59))
    facts: list[Snapshot] = [*days(*WEEK), evening, *trades(101)]

    outcome = fired(DAILY.evaluate(view(*facts)))

    assert outcome.values == {"fast": "90.5", "slow": "90.25"}


def test_cryptos_day_is_utcs() -> None:
    evening = NOON.astimezone(UTC).replace(day=11, hour=1)
    before = trades(11, until=evening - timedelta(hours=2), symbol="BTC/USD")
    facts = [*days(*LOW, before=evening, symbol="BTC/USD"), *before]
    newest = trades(11, until=evening, symbol="BTC/USD")

    outcome = DAILY.evaluate(view(*facts, *newest, now=evening, symbol="BTC/USD"))

    assert reason(outcome) == "fired"


def test_without_an_observation_before_days_cannot_cross() -> None:
    assert reason(on_days(101)) == "no_data"
    assert reason(on_days(99, 101, past=WEEK[1:])) == "no_data"


def test_days_without_a_close_of_yesterday_are_no_history() -> None:
    *past, yesterday = days(*WEEK)
    observed = trades(99, 101)

    without = DAILY.evaluate(view(*past, *observed))
    fetched_too_early = DAILY.evaluate(view(*past[:-1], yesterday, *observed))
    split = DAILY.evaluate(view(*past, fact("prev_close", 160, yesterday.as_of), *observed))

    assert silent(without).observed == {"missing": "prev_close"}
    assert silent(fetched_too_early).observed == {
        "daily_close": "2026-02-08",
        "prev_close": "2026-02-09",
    }
    assert [reason(each) for each in (fetched_too_early, split)] == ["stale", "corporate_action"]


def test_a_hole_of_more_than_a_week_ends_the_history() -> None:
    early = [fact("daily_close", 100, NOON - timedelta(days=12)) for _ in range(2)]

    outcome = DAILY.evaluate(view(*early, *days(80, 80), *trades(99, 101)))

    assert silent(outcome).observed["found"] == "2"


def test_it_needs_one_close_more_than_the_slow_average() -> None:
    assert UP.needs == {"last_trade": 1, "minute_bar": 5}
    assert DAILY.needs == {"last_trade": 2, "prev_close": 1, "daily_close": 5}


def test_closes_from_before_a_split_are_on_another_basis() -> None:
    observed = trades(99, 101)

    within = DAILY.evaluate(view(*days(200, 100, 80, 80), *observed))
    long_ago = DAILY.evaluate(view(*days(200, *WEEK), *observed))

    assert silent(within).observed == {"daily_close": "2026-02-07"}
    assert [reason(within), reason(long_ago)] == ["corporate_action", "fired"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fast": 4}, "fast must be below slow"),
        ({"fast": 5}, "fast must be below slow"),
        ({"fast": 0}, "rule.fast: "),
        ({"slow": 201}, "rule.slow: "),
        ({"timeframe": "1Hour"}, "rule.timeframe: "),
        ({"direction": "either"}, "rule.direction: "),
    ],
)
def test_averages_that_cannot_cross_are_refused(changes: dict[str, object], message: str) -> None:
    given_ = {"fast": 2, "slow": 4, "timeframe": "1Min", "direction": "up"}

    assert message in refusal("moving_average_cross", **given_ | changes)


def distances(closes: Sequence[Decimal | int], fast: int, slow: int) -> list[Fraction | None]:
    """Fast minus slow average at each close, exactly; None before there are enough."""
    return [
        None
        if end < slow
        else Fraction(sum(closes[end - fast : end])) / fast
        - Fraction(sum(closes[end - slow : end])) / slow
        for end in range(1, len(closes) + 1)
    ]


@given(st.lists(st.integers(-2, 2), min_size=6, max_size=40))
def test_it_never_fires_twice_without_crossing_back(steps: list[int]) -> None:
    closes = list(accumulate(steps, initial=100))
    bars = minutes(*closes)
    armed = False
    for count, distance in enumerate(distances(closes, 2, 4), start=1):
        now = bars[count - 1].as_of + MINUTE
        known = view(*bars[:count], *trades(closes[count - 1], until=now), now=now)
        fires = reason(UP.evaluate(known)) == "fired"

        assert armed or not fires
        armed = (armed and not fires) or (distance is not None and distance < 0)


@given(st.lists(st.integers(-2, 2), min_size=4, max_size=4), st.integers(1, 1000))
def test_scaling_and_shifting_change_nothing(steps: list[int], factor: int) -> None:
    closes = list(accumulate(steps, initial=100))
    later = NOON + (factor % 180) * MINUTE
    scaled = [close * factor for close in closes]

    facts = [*minutes(*scaled, until=later), *trades(scaled[-1], until=later)]

    assert reason(on_minutes(*closes)) == reason(UP.evaluate(view(*facts, now=later)))


@pytest.mark.parametrize(("direction", "sign"), [("up", 1), ("down", -1)])
def test_on_minutes_it_fires_where_the_averages_crossed(
    market_days: MarketDays, direction: str, sign: int
) -> None:
    rows = market_days.minutes_of("AIG", "2013-10-08")
    cross = condition(
        "moving_average_cross", fast=9, slow=21, timeframe="1Min", direction=direction
    )
    apart = distances([row.close for row in rows], 9, 21)
    expected = [
        row.ends
        for row, (before, now) in zip(rows[1:], pairwise(apart), strict=True)
        if before is not None and now is not None and sign * before < 0 <= sign * now
    ]

    assert market_days.firings(cross, "AIG", "2013-10-08") == expected
    assert 0 < len(expected) < 30


@pytest.mark.parametrize(("direction", "sign"), [("up", 1), ("down", -1)])
def test_on_days_it_fires_when_the_running_day_makes_them_cross(
    market_days: MarketDays, direction: str, sign: int
) -> None:
    past = [row.close for row in market_days.days_before("SPY", "2013-10-08")]
    rows = market_days.minutes_of("SPY", "2013-10-08")
    cross = condition("moving_average_cross", fast=3, slow=4, timeframe="1Day", direction=direction)
    # The state before the first observation of the day is that of the day before.
    apart = [distances(past, 3, 4)[-1]]
    apart += [distances([*past[-4:], row.close], 3, 4)[-1] for row in rows]
    expected = [
        row.ends
        for row, (before, now) in zip(rows, pairwise(apart), strict=True)
        if before is not None and now is not None and sign * before < 0 <= sign * now
    ]

    assert market_days.firings(cross, "SPY", "2013-10-08") == expected
    assert 0 < len(expected) < 10
