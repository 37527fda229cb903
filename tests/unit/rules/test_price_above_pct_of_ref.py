from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rules.facts import NOON, condition, fact, fired, held, reason, refusal, silent, view
from tests.unit.rules.market_days import MarketDays

REFERENCES = ["day_open", "day_high", "day_low"]


@pytest.mark.parametrize("ref", REFERENCES)
def test_it_fires_at_the_threshold_above_todays_reference(ref: str) -> None:
    two = condition("price_above_pct_of_ref", ref_metric=ref, threshold_pct=2)
    reference = fact(two.model_dump()["ref_metric"], 500)

    assert reason(two.evaluate(view(fact("last_trade", 510), reference))) == "fired"
    assert reason(two.evaluate(view(fact("last_trade", "509.99"), reference))) == "not_met"


@pytest.mark.parametrize("ref", REFERENCES)
def test_yesterdays_reference_is_stale(ref: str) -> None:
    two = condition("price_above_pct_of_ref", ref_metric=ref, threshold_pct=2)
    yesterday = fact(two.model_dump()["ref_metric"], 500, NOON.replace(day=9))

    outcome = silent(two.evaluate(view(fact("last_trade", 510), yesterday)))

    assert (outcome.reason, list(outcome.observed)) == ("stale", [ref])


# In New York all of these but the last trade are of the ninth.
@pytest.mark.parametrize(
    ("seen", "traded", "expected"),
    [
        ((9, 23, 59), (10, 0, 1), "stale"),
        ((10, 0, 1), (10, 4, 59), "fired"),
        ((10, 4, 59), (10, 5, 1), "fired"),
    ],
)
@pytest.mark.parametrize("ref", REFERENCES)
def test_a_coins_day_is_utcs(
    ref: str, seen: tuple[int, int, int], traded: tuple[int, int, int], expected: str
) -> None:
    two = condition("price_above_pct_of_ref", ref_metric=ref, threshold_pct=2, symbol="BTC/USD")
    reference_at, traded_at = (datetime(2026, 2, *at, tzinfo=UTC) for at in (seen, traded))
    trade = fact("last_trade", 510, traded_at, symbol="BTC/USD")
    reference = fact(two.model_dump()["ref_metric"], 500, reference_at, symbol="BTC/USD")

    outcome = two.evaluate(view(trade, reference, now=traded_at, symbol="BTC/USD"))

    assert reason(outcome) == expected


def test_the_reference_can_be_what_the_user_paid() -> None:
    two = condition("price_above_pct_of_ref", ref_metric="entry_price", threshold_pct=2)
    trade = fact("last_trade", 510)

    assert two.needs_position
    assert two.needs == {"last_trade": 1}
    assert fired(two.evaluate(view(trade, position=held(3, 500)))).reference == Decimal(500)
    assert reason(two.evaluate(view(trade))) == "no_position"
    assert reason(two.evaluate(view(trade, position=held(3, 0)))) == "no_data"


@pytest.mark.parametrize("threshold", [0, -1, 1000])
def test_a_threshold_that_cannot_be_risen_to_is_refused(threshold: int) -> None:
    refused = refusal("price_above_pct_of_ref", ref_metric="day_low", threshold_pct=threshold)

    assert "threshold_pct" in refused


@given(
    price=st.decimals("0.01", 10_000, places=2),
    reference=st.decimals("0.01", 10_000, places=2),
    factor=st.integers(1, 1000),
)
def test_scaling_all_prices_changes_nothing(
    price: Decimal, reference: Decimal, factor: int
) -> None:
    two = condition("price_above_pct_of_ref", ref_metric="day_low", threshold_pct=2)

    plain = two.evaluate(view(fact("last_trade", price), fact("day_low", reference)))
    scaled = two.evaluate(
        view(fact("last_trade", price * factor), fact("day_low", reference * factor))
    )

    assert reason(plain) == reason(scaled)


def test_on_minutes_it_fires_while_ibm_is_above_its_low(market_days: MarketDays) -> None:
    rebound = condition(
        "price_above_pct_of_ref", ref_metric="day_low", threshold_pct=Decimal("0.8")
    )
    low, expected = Decimal(10**6), []
    for row in market_days.minutes_of("IBM", "2013-10-09"):
        low = min(low, row.low)
        if row.close * 1000 >= low * 1008:
            expected.append(row.ends)

    assert market_days.firings(rebound, "IBM", "2013-10-09") == expected
    assert 0 < len(expected) < 390
