from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.rules.base import Condition
from tests.unit.rules.facts import (
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

LEVELS = {
    d: condition("price_crosses_level", level=500, direction=d) for d in ("up", "down", "either")
}


def crossed(rule: Condition, *prices: object) -> list[bool]:
    """Whether it fires at each price but the first."""
    seen = trades(*prices)
    return [
        reason(rule.evaluate(view(*pair, now=pair[1].as_of))) == "fired" for pair in pairwise(seen)
    ]


@pytest.mark.parametrize(
    ("before", "price", "up", "down"),
    [
        ("499.99", "500", True, False),
        ("499.99", "501", True, False),
        ("499.98", "499.99", False, False),
        ("500", "501", False, False),
        ("500", "500", False, False),
        ("500", "499", False, False),
        ("500.01", "500", False, True),
        ("500.01", "499", False, True),
        ("500.02", "500.01", False, False),
    ],
)
def test_it_fires_on_reaching_the_level_from_the_other_side(
    before: str,
    price: str,
    up: bool,  # noqa: FBT001
    down: bool,  # noqa: FBT001
) -> None:
    assert crossed(LEVELS["up"], before, price) == [up]
    assert crossed(LEVELS["down"], before, price) == [down]
    assert crossed(LEVELS["either"], before, price) == [up or down]


def test_it_is_silent_while_beyond_the_level() -> None:
    assert crossed(LEVELS["up"], 499, 501, 502, 500, 501, 499, 500) == [
        *(True, False, False, False, False, True)
    ]


def test_it_says_what_it_saw() -> None:
    seen = trades(499, 501)

    outcome = fired(LEVELS["up"].evaluate(view(*seen)))

    assert (outcome.price, outcome.as_of) == (Decimal(501), NOON)
    assert outcome.snapshot_ids == (seen[1].id, seen[0].id)
    assert (outcome.values, outcome.reference, outcome.pct) == ({"level": "500"}, None, None)


def test_a_gap_over_the_level_in_the_night_crosses_it() -> None:
    night = fact("last_trade", 499, NOON - timedelta(hours=20)), fact("last_trade", 501)

    assert reason(LEVELS["up"].evaluate(view(*night))) == "fired"


def test_a_gap_that_looks_like_a_split_is_left_to_a_person() -> None:
    night = fact("last_trade", 1000, NOON - timedelta(hours=20)), fact("last_trade", 499)

    assert reason(LEVELS["down"].evaluate(view(*night))) == "corporate_action"


def test_a_crash_within_the_day_is_no_split() -> None:
    assert crossed(LEVELS["down"], 1000, 499) == [True]


def test_without_an_earlier_observation_it_does_not_fire() -> None:
    long_ago = fact("last_trade", 499, NOON - timedelta(days=7, microseconds=1))

    alone = silent(LEVELS["up"].evaluate(view(*trades(501))))

    assert (alone.reason, alone.observed["missing"]) == ("no_data", "an earlier last_trade")
    assert reason(LEVELS["up"].evaluate(view(long_ago, *trades(501)))) == "no_data"


def test_an_old_trade_crosses_nothing() -> None:
    old = trades(499, 501, until=NOON - timedelta(minutes=4))

    assert reason(LEVELS["up"].evaluate(view(*old))) == "stale"


@pytest.mark.parametrize(
    ("changes", "where"),
    [({"level": 0}, "level"), ({"level": -1}, "level"), ({"direction": "sideways"}, "direction")],
)
def test_a_level_that_cannot_be_reached_is_refused(changes: dict[str, object], where: str) -> None:
    message = refusal("price_crosses_level", **{"level": 500, "direction": "up"} | changes)

    assert f"rule.{where}: " in message


@given(st.lists(st.integers(495, 505), min_size=2, max_size=40))
def test_up_and_down_alternate(prices: list[int]) -> None:
    up, down = crossed(LEVELS["up"], *prices), crossed(LEVELS["down"], *prices)
    turns = [u for u, d in zip(up, down, strict=True) if u or d]
    tops = [p for p in prices if p != 500]

    assert not any(u and d for u, d in zip(up, down, strict=True))
    assert crossed(LEVELS["either"], *prices) == [u or d for u, d in zip(up, down, strict=True)]
    if 500 not in prices:
        assert all(a != b for a, b in pairwise(turns))
        assert len(turns) == sum((a < 500) != (b < 500) for a, b in pairwise(tops))


@given(st.lists(st.integers(495, 505), min_size=2, max_size=40))
def test_it_never_fires_twice_without_having_been_on_the_other_side(prices: list[int]) -> None:
    armed = False
    for price, fires in zip(prices, [False, *crossed(LEVELS["up"], *prices)], strict=True):
        assert armed or not fires
        armed = price < 500 or (armed and not fires)


@pytest.mark.parametrize("direction", ["up", "down", "either"])
def test_on_minutes_it_fires_where_spy_crossed(market_days: MarketDays, direction: str) -> None:
    level = Decimal("166.4")
    expected = []
    evening = market_days.days_before("SPY", "2013-10-08")[-1]
    for before, row in pairwise([evening, *market_days.minutes_of("SPY", "2013-10-08")]):
        up = before.close < level <= row.close
        down = before.close > level >= row.close
        if {"up": up, "down": down, "either": up or down}[direction]:
            expected.append(row.ends)

    found = market_days.firings(
        condition("price_crosses_level", level=level, direction=direction), "SPY", "2013-10-08"
    )

    assert found == expected
    assert 0 < len(found) < 50
