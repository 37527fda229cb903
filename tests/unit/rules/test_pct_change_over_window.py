from datetime import timedelta
from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.rules.base import Fired
from tests.unit.rules.facts import (
    MINUTE,
    NOON,
    condition,
    fact,
    fired,
    reason,
    refusal,
    silent,
    trades,
    view,
)
from tests.unit.rules.market_days import MarketDays

FALL = condition("pct_change_over_window", window_minutes=30, threshold_pct=-2)
RISE = condition("pct_change_over_window", window_minutes=30, threshold_pct=2)


@pytest.mark.parametrize(
    ("price", "fall", "rise"),
    [
        ("489.99", "fired", "not_met"),
        ("490", "fired", "not_met"),
        ("490.01", "not_met", "not_met"),
        ("509.99", "not_met", "not_met"),
        ("510", "not_met", "fired"),
    ],
)
def test_it_compares_with_the_price_at_the_windows_start(price: str, fall: str, rise: str) -> None:
    # Only the first of these is as old as the window: 30 minutes.
    seen = trades(500, *([1] * 29), price)

    assert reason(FALL.evaluate(view(*seen))) == fall
    assert reason(RISE.evaluate(view(*seen))) == rise


def test_it_says_what_it_saw() -> None:
    seen = trades(500, *([1] * 29), 480)

    outcome = fired(FALL.evaluate(view(*seen)))

    assert (outcome.reference, outcome.pct) == (Decimal(500), Decimal("-4.0000"))
    assert (outcome.values, outcome.snapshot_ids) == ({"window": "30"}, (seen[-1].id, seen[0].id))


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(minutes=30), "fired"),
        (timedelta(minutes=33), "fired"),
        (timedelta(minutes=33, microseconds=1), "no_data"),
        (timedelta(minutes=29, seconds=59), "no_data"),
    ],
)
def test_the_price_then_must_have_been_fresh_then(age: timedelta, expected: str) -> None:
    then = fact("last_trade", 500, NOON - age)

    assert reason(FALL.evaluate(view(then, fact("last_trade", 480)))) == expected


def test_a_window_that_reaches_over_the_open_says_what_is_missing() -> None:
    opening = NOON.replace(hour=9, minute=45)
    evening = fact("last_trade", 500, NOON.replace(day=9, hour=15, minute=59))

    outcome = silent(FALL.evaluate(view(evening, *trades(480, until=opening), now=opening)))

    assert outcome.reason == "no_data"
    assert outcome.observed == {"missing": "last_trade at 2026-02-10T09:15:00-05:00"}


def test_an_old_trade_moved_nowhere() -> None:
    assert reason(FALL.evaluate(view(*trades(500, 480, until=NOON - 4 * MINUTE)))) == "stale"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"threshold_pct": 0}, "threshold_pct"),
        ({"threshold_pct": -100}, "threshold_pct"),
        ({"window_minutes": 0}, "window_minutes"),
        ({"window_minutes": 391}, "window_minutes"),
    ],
)
def test_what_cannot_fire_is_refused(changes: dict[str, object], where: str) -> None:
    given_ = {"window_minutes": 30, "threshold_pct": -2}

    assert f"rule.{where}: " in refusal("pct_change_over_window", **given_ | changes)


STEPS = st.lists(st.integers(-30, 30), min_size=31, max_size=45)


@given(steps=STEPS, factor=st.integers(1, 1000))
def test_scaling_all_prices_changes_nothing(steps: list[int], factor: int) -> None:
    prices = list(accumulate(steps, initial=2000))

    plain = FALL.evaluate(view(*trades(*prices)))
    scaled = FALL.evaluate(view(*trades(*(price * factor for price in prices))))

    assert reason(plain) == reason(scaled)
    if isinstance(plain, Fired) and isinstance(scaled, Fired):
        assert plain.pct == scaled.pct


@given(steps=STEPS, shift=st.integers(-180, 180))
def test_shifting_all_times_changes_nothing(steps: list[int], shift: int) -> None:
    prices, later = list(accumulate(steps, initial=2000)), NOON + shift * MINUTE

    plain = FALL.evaluate(view(*trades(*prices)))
    shifted = FALL.evaluate(view(*trades(*prices, until=later), now=later))

    assert reason(plain) == reason(shifted)


@pytest.mark.parametrize("threshold", [Decimal("-0.4"), Decimal("0.25")])
def test_on_minutes_it_fires_where_spy_moved(market_days: MarketDays, threshold: Decimal) -> None:
    rows = market_days.minutes_of("SPY", "2013-10-08")
    change = condition("pct_change_over_window", window_minutes=20, threshold_pct=threshold)
    expected = []
    for then, row in zip(rows, rows[20:], strict=False):
        moved = 100 * (row.close - then.close)
        bound = threshold * then.close
        if moved <= bound if threshold < 0 else moved >= bound:
            expected.append(row.ends)

    assert market_days.firings(change, "SPY", "2013-10-08") == expected
    assert 0 < len(expected) < 200
