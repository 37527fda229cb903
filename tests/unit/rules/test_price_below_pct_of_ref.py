from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.market import NEW_YORK
from common.rules.base import Fired, SymbolView
from tests.unit.rules.facts import NOON, condition, fact, fired, reason, refusal, silent, view
from tests.unit.rules.market_days import MarketDays

MIDNIGHT_BEFORE = datetime(2026, 2, 9, 0, 0, tzinfo=NEW_YORK)
RULE = condition("price_below_pct_of_ref", ref_metric="prev_close", threshold_pct=Decimal("-1.5"))


def market(
    price: object, reference: object, at: datetime = NOON, day_before: datetime = MIDNIGHT_BEFORE
) -> SymbolView:
    facts = fact("last_trade", price, at), fact("prev_close", reference, day_before)
    return view(*facts)


def test_it_fires_at_the_threshold_and_says_what_it_saw() -> None:
    trade, close = fact("last_trade", "492.50"), fact("prev_close", 500, MIDNIGHT_BEFORE)

    outcome = RULE.evaluate(view(trade, close))

    assert trade.id is not None
    assert close.id is not None
    assert outcome == Fired(
        symbol="SPY",
        price=Decimal("492.50"),
        as_of=NOON,
        snapshot_ids=(trade.id, close.id),
        reference=Decimal(500),
        pct=Decimal("-1.5000"),
    )


def test_it_is_silent_a_cent_above_the_threshold_and_shows_its_numbers() -> None:
    outcome = silent(RULE.evaluate(market("492.51", 500)))

    assert outcome.reason == "not_met"
    assert outcome.observed == {"price": "492.51", "reference": "500", "pct": "-1.498"}


def test_the_threshold_is_exact_where_percent_are_rounded() -> None:
    # 165.7458 is 1% below 167.42; a quotient of decimals is not exact, a product is.
    one = condition("price_below_pct_of_ref", ref_metric="prev_close", threshold_pct=-1)

    assert reason(one.evaluate(market("165.7458", "167.42"))) == "fired"
    assert reason(one.evaluate(market("165.7459", "167.42"))) == "not_met"


@pytest.mark.parametrize("missing", ["last_trade", "prev_close"])
def test_without_a_fact_it_says_which(missing: str) -> None:
    facts = [fact("last_trade", 400), fact("prev_close", 500, MIDNIGHT_BEFORE)]

    outcome = silent(RULE.evaluate(view(*(each for each in facts if each.metric != missing))))

    assert (outcome.reason, outcome.observed) == ("no_data", {"missing": missing})


@pytest.mark.parametrize(
    ("at", "day_before"),
    [
        (NOON - timedelta(minutes=3, microseconds=1), MIDNIGHT_BEFORE),
        (NOON + timedelta(minutes=3, microseconds=1), MIDNIGHT_BEFORE),
        (NOON, NOON.replace(hour=0)),
        (NOON, NOON - timedelta(days=8)),
    ],
)
def test_old_trades_and_closes_of_the_wrong_session_are_stale(
    at: datetime, day_before: datetime
) -> None:
    assert reason(RULE.evaluate(market(400, 500, at, day_before))) == "stale"


def test_a_close_from_before_a_long_weekend_is_good() -> None:
    tuesday = datetime(2026, 1, 20, 10, 0, tzinfo=NEW_YORK)
    friday = datetime(2026, 1, 16, 0, 0, tzinfo=NEW_YORK)
    facts = fact("last_trade", 492, tuesday), fact("prev_close", 500, friday)

    assert reason(RULE.evaluate(view(*facts, now=tuesday))) == "fired"


@pytest.mark.parametrize(("older", "said"), [(0, "fired"), (1, "stale")])
def test_a_close_of_exactly_a_week_ago_is_the_oldest_that_is_good(older: int, said: str) -> None:
    week_ago = NOON - timedelta(days=7, microseconds=older)

    assert reason(RULE.evaluate(market(492, 500, NOON, week_ago))) == said


@pytest.mark.parametrize("minutes", [-3, 3])
def test_a_trade_of_exactly_the_greatest_age_is_fresh(minutes: int) -> None:
    assert reason(RULE.evaluate(market(492, 500, NOON + timedelta(minutes=minutes)))) == "fired"


def test_a_fall_that_looks_like_a_split_is_left_to_a_person() -> None:
    assert reason(RULE.evaluate(market(350, 500))) == "corporate_action"
    assert reason(RULE.evaluate(market("350.01", 500))) == "fired"


@pytest.mark.parametrize(
    ("threshold", "message"), [(0, "less than 0"), (1, "less than 0"), (-100, "greater than -100")]
)
def test_a_threshold_that_cannot_be_fallen_to_is_refused(threshold: int, message: str) -> None:
    refused = refusal("price_below_pct_of_ref", ref_metric="prev_close", threshold_pct=threshold)

    assert "threshold_pct" in refused
    assert message in refused


@given(
    price=st.decimals("0.01", 10_000, places=2),
    reference=st.decimals("0.01", 10_000, places=2),
    factor=st.integers(1, 1000),
)
def test_scaling_all_prices_changes_nothing(
    price: Decimal, reference: Decimal, factor: int
) -> None:
    plain = RULE.evaluate(market(price, reference))
    scaled = RULE.evaluate(market(price * factor, reference * factor))

    assert reason(plain) == reason(scaled)
    if isinstance(plain, Fired) and isinstance(scaled, Fired):
        assert plain.pct == scaled.pct


def test_on_minutes_it_fires_while_spy_is_one_percent_down(market_days: MarketDays) -> None:
    one = condition("price_below_pct_of_ref", ref_metric="prev_close", threshold_pct=-1)
    close = market_days.days_before("SPY", "2013-10-08")[-1].close
    expected = [
        row.ends
        for row in market_days.minutes_of("SPY", "2013-10-08")
        if row.close <= close * 99 / 100
    ]

    found = market_days.firings(one, "SPY", "2013-10-08")

    assert found == expected
    assert 0 < len(found) < 390
    assert fired(one.evaluate(market("165.74", close))).reference == close == Decimal("167.42")
