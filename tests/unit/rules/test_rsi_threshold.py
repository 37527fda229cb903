from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.market import Session
from common.rules.base import SymbolView
from common.rules.rsi_threshold import SETTLED, closes_until, rsi_of
from tests.unit.rules.facts import (
    MINUTE,
    NOON,
    condition,
    days,
    fired,
    minutes,
    reason,
    refusal,
    silent,
    trades,
    view,
)
from tests.unit.rules.market_days import MarketDays

# The prices of a well-known worked example of Wilder's index with 14 periods: its first values are
# 70.53, 66.32, 66.55, 69.41 (with prices rounded to two places: 70.46, 66.25, 66.48, 69.35).
TEXTBOOK = [
    *("44.34", "44.09", "44.15", "43.61", "44.33", "44.83", "45.10", "45.42", "45.84"),
    *("46.08", "45.89", "46.03", "45.61", "46.28", "46.28", "46.00", "46.03", "46.41"),
]
BELOW = condition("rsi_threshold", period=2, timeframe="1Min", threshold=30, direction="below")
ABOVE = condition("rsi_threshold", period=2, timeframe="1Min", threshold=70, direction="above")


def wilder(closes: Sequence[Decimal], period: int) -> Decimal:
    """The index by the book: averages of gains and losses, and 100 - 100 / (1 + their ratio)."""
    changes = [later - earlier for earlier, later in pairwise(closes)]
    with localcontext(prec=60):
        gain = sum((c for c in changes[:period] if c > 0), Decimal(0)) / period
        loss = sum((-c for c in changes[:period] if c < 0), Decimal(0)) / period
        for change in changes[period:]:
            gain = (gain * (period - 1) + max(change, Decimal(0))) / period
            loss = (loss * (period - 1) + max(-change, Decimal(0))) / period
        if not loss:
            return Decimal(100 if gain else 50)
        return 100 - 100 / (1 + gain / loss)


def opening(*closes: object, now: datetime = NOON) -> SymbolView:
    """The first closed minutes of a session, and the trade of the last of them."""
    session = Session(now - len(closes) * MINUTE, now + timedelta(hours=4))
    seen = trades(closes[-1], until=now)
    return view(*minutes(*closes, until=now), *seen, now=now, session=session)


@pytest.mark.parametrize(
    ("count", "expected"), [(15, "70.46"), (16, "66.25"), (17, "66.48"), (18, "69.35")]
)
def test_it_is_wilders_index(count: int, expected: str) -> None:
    index = rsi_of([Decimal(price) for price in TEXTBOOK[:count]], 14)

    assert index.quantize(Decimal("0.01")) == Decimal(expected)


@pytest.mark.parametrize(
    ("closes", "below", "above"),
    [
        # Gains 3 of 10 moves: exactly 30.
        ([100, 93, 96], "fired", "not_met"),
        ([100, 93, "96.01"], "not_met", "not_met"),
        ([100, 107, 104], "not_met", "fired"),
        ([100, 107, "103.99"], "not_met", "not_met"),
        ([100, 99, 98], "fired", "not_met"),
        ([100, 101, 102], "not_met", "fired"),
        ([100, 100, 100], "not_met", "not_met"),
    ],
)
def test_it_fires_at_the_threshold_and_beyond(closes: list[object], below: str, above: str) -> None:
    known = opening(*closes)

    assert (reason(BELOW.evaluate(known)), reason(ABOVE.evaluate(known))) == (below, above)


def test_it_says_what_it_saw() -> None:
    known = opening(100, 93, 96)

    outcome = fired(BELOW.evaluate(known))

    assert (outcome.price, outcome.values) == (Decimal(96), {"rsi": "30"})
    assert set(outcome.snapshot_ids) == {each.id for kind in known.facts.values() for each in kind}


def test_of_days_the_last_trade_is_todays_close() -> None:
    daily = condition("rsi_threshold", period=2, timeframe="1Day", threshold=30, direction="below")
    past = days(*[100] * 15, 93)

    outcome = fired(daily.evaluate(view(*past, *trades("94.5"))))

    assert reason(daily.evaluate(view(*past, *trades("94.51")))) == "not_met"
    assert reason(daily.evaluate(view(*days(93), *trades(96)))) == "no_data"
    assert len(outcome.snapshot_ids) == len(set(outcome.snapshot_ids)) == 17


def test_it_is_silent_until_what_came_before_no_longer_shows() -> None:
    daily = condition("rsi_threshold", period=2, timeframe="1Day", threshold=30, direction="below")

    outcome = silent(daily.evaluate(view(*days(*[100] * 14, 93), *trades(96))))

    assert outcome.observed == {"missing": "warm-up", "found": "16", "needed": "17"}
    late = view(*minutes(100, 93, 96), *trades(96))  # the session began hours before them
    assert silent(BELOW.evaluate(late)).observed["missing"] == "warm-up"
    coins = view(
        *minutes(100, 93, 96, symbol="BTC/USD"),
        *trades(96, symbol="BTC/USD"),
        session=Session(NOON - 3 * MINUTE, NOON + timedelta(hours=4)),
        symbol="BTC/USD",
    )
    assert silent(BELOW.evaluate(coins)).observed["missing"] == "warm-up"


@pytest.mark.parametrize("period", range(2, 31))
def test_what_came_before_moves_the_index_by_at_most_a_hundredth(period: int) -> None:
    closes = [Decimal(100 + number * 7 % 13) for number in range(closes_until(period, SETTLED) - 1)]
    # The worst that can have come before: all of the first changes were gains, or losses.
    fallen = [closes[0] - 13 * number for number in range(period + 1)]
    risen = [closes[0] + 13 * number for number in range(period + 1)]

    indexes = [rsi_of([*before[:0:-1], *closes], period) for before in (fallen, risen)]

    assert abs(indexes[0] - indexes[1]) <= Decimal("0.02")


def test_while_prices_stand_still_the_index_stays() -> None:
    moved = [Decimal(price) for price in TEXTBOOK]

    indexes = {rsi_of([*moved, *[moved[-1]] * still], 14) for still in (0, 1, 50, 500, 5000)}

    assert len(indexes) == 1


def test_one_close_less_than_it_needs_is_too_few() -> None:
    outcome = silent(BELOW.evaluate(opening(100, 93)))

    assert outcome.observed == {"missing": "history", "found": "2", "needed": "3"}


def test_without_a_fresh_trade_there_is_nothing_to_ask() -> None:
    known = opening(100, 93, 96)
    untraded = {key: facts for key, facts in known.facts.items() if key[1] != "last_trade"}

    assert reason(BELOW.evaluate(replace(known, facts=untraded))) == "no_data"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"threshold": 0}, "threshold"),
        ({"threshold": 100}, "threshold"),
        ({"period": 1}, "period"),
        ({"period": 31}, "period"),
        ({"direction": "up"}, "direction"),
        ({"timeframe": "1Week"}, "timeframe"),
    ],
)
def test_a_threshold_that_cannot_be_reached_is_refused(
    changes: dict[str, object], where: str
) -> None:
    given_ = {"timeframe": "1Day", "threshold": 30, "direction": "below"}

    assert f"rule.{where}: " in refusal("rsi_threshold", **given_ | changes)


WALKS = st.lists(st.integers(-5, 5), min_size=14, max_size=139).map(
    lambda steps: [Decimal(price) for price in accumulate(steps, initial=1000)]
)


@given(WALKS)
def test_the_index_lies_between_0_and_100_and_is_wilders(prices: list[Decimal]) -> None:
    index = rsi_of(prices, 14)

    assert 0 <= index <= 100
    assert abs(index - wilder(prices, 14)) <= Decimal("0.0001")


@given(WALKS, st.integers(1, 1000))
def test_scaling_all_prices_changes_nothing(prices: list[Decimal], factor: int) -> None:
    assert abs(rsi_of([p * factor for p in prices], 14) - rsi_of(prices, 14)) <= Decimal("0.0001")


@given(WALKS)
def test_turning_prices_upside_down_mirrors_the_index(prices: list[Decimal]) -> None:
    mirrored = rsi_of([2000 - price for price in prices], 14)

    assert abs(mirrored + rsi_of(prices, 14) - 100) <= Decimal("0.0001")


@given(st.integers(0, 180))
def test_shifting_all_times_changes_nothing(shift: int) -> None:
    later = NOON.replace(hour=10) + shift * (NOON - NOON.replace(minute=0, hour=11)) / 60

    assert reason(BELOW.evaluate(opening(100, 93, 96, now=later))) == "fired"


@pytest.mark.parametrize(("direction", "threshold"), [("below", 25), ("above", 70)])
def test_on_minutes_it_fires_where_the_index_was_extreme(
    market_days: MarketDays, direction: str, threshold: int
) -> None:
    rows = market_days.minutes_of("BAC", "2013-10-09")
    extreme = condition("rsi_threshold", timeframe="1Min", threshold=threshold, direction=direction)
    expected = []
    for count in range(15, len(rows) + 1):
        index = wilder([row.close for row in rows[:count]], 14)
        if index <= threshold if direction == "below" else index >= threshold:
            expected.append(rows[count - 1].ends)

    assert market_days.firings(extreme, "BAC", "2013-10-09") == expected
    assert 0 < len(expected) < 200


def test_on_days_it_fires_while_the_running_day_is_weak(market_days: MarketDays) -> None:
    past = [row.close for row in market_days.days_before("SPY", "2013-10-08")]
    weak = condition(
        "rsi_threshold", timeframe="1Day", threshold=Decimal("41.5"), direction="below"
    )
    expected = [
        row.ends
        for row in market_days.minutes_of("SPY", "2013-10-08")
        if wilder([*past[-(closes_until(14, SETTLED) - 1) :], row.close], 14) <= Decimal("41.5")
    ]

    assert market_days.firings(weak, "SPY", "2013-10-08") == expected
    assert 0 < len(expected) < 390
