from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rules.facts import (
    condition,
    fact,
    fired,
    held,
    reason,
    refusal,
    silent,
    trades,
    view,
)
from tests.unit.rules.market_days import MarketDays

FIVE = condition("position_loss_pct", threshold_pct=5)


@pytest.mark.parametrize(
    ("qty", "price", "expected"),
    [
        (3, "475", "fired"),
        (3, "475.01", "not_met"),
        (3, "600", "not_met"),
        (-3, "525", "fired"),
        (-3, "524.99", "not_met"),
        (3, "100", "fired"),
    ],
)
def test_it_fires_at_the_loss_long_and_short(qty: int, price: str, expected: str) -> None:
    known = view(fact("last_trade", price), position=held(qty, 500))

    assert reason(FIVE.evaluate(known)) == expected


@pytest.mark.parametrize(("qty", "price", "pct"), [(3, 470, "-6"), (-3, 530, "6")])
def test_it_says_what_it_saw(qty: int, price: int, pct: str) -> None:
    outcome = fired(FIVE.evaluate(view(*trades(price), position=held(qty, 500))))

    assert outcome.values == {"entry": "500", "loss": "6"}
    assert (outcome.reference, outcome.pct) == (Decimal(500), Decimal(pct))


def test_a_gain_is_a_loss_below_zero() -> None:
    outcome = silent(FIVE.evaluate(view(*trades(550), position=held(3, 500))))

    assert outcome.observed == {"price": "550", "entry": "500", "loss": "-10"}


@pytest.mark.parametrize("threshold", [0, -5, 1000])
def test_a_loss_that_cannot_be_is_refused(threshold: int) -> None:
    assert "rule.threshold_pct: " in refusal("position_loss_pct", threshold_pct=threshold)


@given(
    price=st.decimals("0.01", 10_000, places=2),
    entry=st.decimals("0.01", 10_000, places=2),
    qty=st.sampled_from([-7, 7]),
)
def test_what_gains_long_loses_short(price: Decimal, entry: Decimal, qty: int) -> None:
    gain = condition("position_gain_pct", threshold_pct=5)

    lost = FIVE.evaluate(view(*trades(price), position=held(qty, entry)))
    gained = gain.evaluate(view(*trades(price), position=held(-qty, entry)))

    assert reason(lost) == reason(gained)


def test_on_minutes_it_fires_while_the_position_is_behind(market_days: MarketDays) -> None:
    expected = [
        row.ends
        for row in market_days.minutes_of("SPY", "2013-10-08")
        if 1000 * (Decimal("167.5") - row.close) >= 9 * Decimal("167.5")
    ]
    loss = condition("position_loss_pct", threshold_pct=Decimal("0.9"))

    found = market_days.firings(loss, "SPY", "2013-10-08", position=held(2, "167.5"))

    assert found == expected
    assert 0 < len(found) < 390
