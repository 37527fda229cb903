from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rules.facts import (
    MINUTE,
    NOON,
    condition,
    fact,
    fired,
    held,
    reason,
    refusal,
    trades,
    view,
)
from tests.unit.rules.market_days import MarketDays

FIVE = condition("position_gain_pct", threshold_pct=5)


@pytest.mark.parametrize(
    ("qty", "price", "expected"),
    [
        (3, "525", "fired"),
        (3, "524.99", "not_met"),
        (-3, "475", "fired"),
        (-3, "475.01", "not_met"),
        (-3, "600", "not_met"),
        ("0.001", "600", "fired"),
    ],
)
def test_it_fires_at_the_gain_long_and_short(qty: object, price: str, expected: str) -> None:
    known = view(fact("last_trade", price), position=held(qty, 500))

    assert reason(FIVE.evaluate(known)) == expected


@pytest.mark.parametrize(("qty", "price", "pct"), [(3, 530, "6"), (-3, 470, "-6")])
def test_it_says_what_it_saw(qty: int, price: int, pct: str) -> None:
    outcome = fired(FIVE.evaluate(view(*trades(price), position=held(qty, 500))))

    assert outcome.values == {"entry": "500", "gain": "6"}
    assert (outcome.reference, outcome.pct) == (Decimal(500), Decimal(pct))


def test_without_a_position_or_its_price_it_does_not_fire() -> None:
    assert reason(FIVE.evaluate(view(*trades(600)))) == "no_position"
    assert reason(FIVE.evaluate(view(*trades(600), position=held(3, 0)))) == "no_data"


def test_an_old_trade_fires_nothing() -> None:
    old = trades(600, until=NOON - 4 * MINUTE)

    assert reason(FIVE.evaluate(view(*old, position=held(3, 500)))) == "stale"


@pytest.mark.parametrize("threshold", [0, -5, 1000])
def test_a_gain_that_cannot_be_is_refused(threshold: int) -> None:
    assert "rule.threshold_pct: " in refusal("position_gain_pct", threshold_pct=threshold)


@given(
    price=st.decimals("0.01", 10_000, places=2),
    entry=st.decimals("0.01", 10_000, places=2),
    factor=st.integers(1, 1000),
    qty=st.sampled_from([-7, 7]),
)
def test_scaling_all_prices_changes_nothing(
    price: Decimal, entry: Decimal, factor: int, qty: int
) -> None:
    plain = FIVE.evaluate(view(*trades(price), position=held(qty, entry)))
    scaled = FIVE.evaluate(view(*trades(price * factor), position=held(qty, entry * factor)))

    assert reason(plain) == reason(scaled)


def test_on_minutes_it_fires_while_the_position_is_ahead(market_days: MarketDays) -> None:
    # Sold short at 167.50 on a day when SPY fell.
    expected = [
        row.ends
        for row in market_days.minutes_of("SPY", "2013-10-08")
        if 1000 * (Decimal("167.5") - row.close) >= 8 * Decimal("167.5")
    ]
    gain = condition("position_gain_pct", threshold_pct=Decimal("0.8"))

    found = market_days.firings(gain, "SPY", "2013-10-08", position=held(-2, "167.5"))

    assert found == expected
    assert 0 < len(found) < 390
