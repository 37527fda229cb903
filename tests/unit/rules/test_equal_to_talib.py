"""Our indicators against TA-Lib's, on generated and on recorded days.

Tolerances: the index within 0.0001 (it is rounded to that), an average and a deviation within
1e-9 of their size (binary floats against decimals).
"""

import math
import random
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from statistics import stdev

import numpy as np
import pytest
import talib

from common.rules.rsi_threshold import SETTLED, closes_until, rsi_of
from tests.unit.rules.facts import condition, fired, minutes, trades, view
from tests.unit.rules.market_days import MarketDays

PERIODS = (2, 5, 14, 30)


def generated(seed: int, *, still: float, unit: str = "0.01") -> list[Decimal]:
    """A random walk of 500 closes, of which a part stands still."""
    draw = random.Random(seed)
    price, closes = 5000, []
    for _ in range(500):
        price += 0 if draw.random() < still else draw.randint(-40, 40)
        closes.append(price * Decimal(unit))
    return closes


def flat_between_moves() -> list[Decimal]:
    """Moves, a hundred closes that stand still, and moves again."""
    moves = generated(3, still=0)[:60]
    return [*moves, *[moves[-1]] * 100, *(moves[-1] + Decimal(n % 5) / 10 for n in range(60))]


SERIES = {
    "walk": generated(1, still=0),
    "often still": generated(2, still=0.7),
    "flat between moves": flat_between_moves(),
    "a dollar and less": generated(4, still=0.2, unit="0.0001"),
}


def floats(closes: Sequence[Decimal]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array([float(close) for close in closes])


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("period", PERIODS)
def test_the_index_is_talibs(name: str, period: int) -> None:
    closes = SERIES[name]

    theirs = talib.RSI(floats(closes), period)

    moved = next(n for n, close in enumerate(closes) if close != closes[0])
    for count in range(max(period, moved) + 1, len(closes) + 1, 7):
        assert float(rsi_of(closes[:count], period)) == pytest.approx(theirs[count - 1], abs=1e-4)


@pytest.mark.parametrize("period", PERIODS)
def test_a_settled_index_is_talibs_of_the_whole_past_within_a_hundredth(period: int) -> None:
    closes = SERIES["walk"]
    enough = closes_until(period, SETTLED)

    theirs = talib.RSI(floats(closes), period)

    for count in range(enough, len(closes) + 1, 7):
        ours = rsi_of(closes[count - enough : count], period)
        assert float(ours) == pytest.approx(theirs[count - 1], abs=0.01)


def test_prices_that_never_moved_are_the_one_difference() -> None:
    still = [Decimal(10)] * 40

    assert rsi_of(still, 14) == 50
    assert talib.RSI(floats(still), 14)[-1] == 0


@pytest.mark.parametrize(("symbol", "day"), [("BAC", "2013-10-09"), ("SPY", "2013-10-08")])
def test_on_minutes_and_days_the_index_is_talibs(
    market_days: MarketDays, symbol: str, day: str
) -> None:
    for rows in (market_days.minutes_of(symbol, day), market_days.days_before(symbol, day)):
        closes = [row.close for row in rows]
        theirs = talib.RSI(floats(closes), 14)
        for count in range(15, len(closes) + 1, 11):
            ours = rsi_of(closes[:count], 14)
            assert float(ours) == pytest.approx(theirs[count - 1], abs=1e-4)


def test_the_averages_of_a_cross_are_talibs() -> None:
    closes = SERIES["walk"]
    fast, slow = (talib.SMA(floats(closes), period) for period in (5, 20))
    first = next(
        n for n in range(20, 500) if fast[n - 1] < slow[n - 1] - 0.01 and fast[n] > slow[n] + 0.01
    )
    cross = condition("moving_average_cross", fast=5, slow=20, timeframe="1Min", direction="up")

    seen = closes[first - 20 : first + 1]
    values = fired(cross.evaluate(view(*minutes(*seen), *trades(seen[-1])))).values

    assert float(values["fast"]) == pytest.approx(fast[first], abs=5e-5)  # shown to 0.0001
    assert float(values["slow"]) == pytest.approx(slow[first], abs=5e-5)


def test_volatility_by_its_definition_is_talibs() -> None:
    closes = floats(SERIES["walk"])
    returns = np.array([math.log(later / earlier) for earlier, later in pairwise(closes)])

    # TA-Lib's deviation is of a population, the KPI's of a sample.
    theirs = talib.STDDEV(returns, 20)[-1] * math.sqrt(20 / 19 * 252)

    assert stdev(returns[-20:]) * math.sqrt(252) == pytest.approx(theirs, rel=1e-6)
