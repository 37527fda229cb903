from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.market import NEW_YORK
from common.rules.base import Fired, Market, Silent
from tests.unit.samples import MIDNIGHT_BEFORE, NOON, config, snapshot

MAX_AGE = timedelta(minutes=3)
RULE = config().rules[0]


def market(
    price: str, reference: str, at: datetime = NOON, reference_at: datetime = MIDNIGHT_BEFORE
) -> Market:
    return {
        ("SPY", "last_trade"): snapshot("last_trade", price, at, 7),
        ("SPY", "prev_close"): snapshot("prev_close", reference, reference_at, 8),
    }


def test_it_fires_at_the_threshold_and_says_what_it_saw() -> None:
    outcome = RULE.evaluate(market("492.50", "500"), NOON, MAX_AGE)

    assert outcome == Fired(
        "SPY", Decimal("492.50"), Decimal(500), Decimal("-1.5000"), NOON, (7, 8)
    )


def test_it_is_silent_a_cent_above_the_threshold() -> None:
    outcome = RULE.evaluate(market("492.51", "500"), NOON, MAX_AGE)

    assert isinstance(outcome, Silent)
    assert outcome.reason == "not_met"


def test_the_threshold_is_exact_where_percent_are_rounded() -> None:
    # 165.7458 is 1% below 167.42; a quotient of decimals is not exact, a product is.
    assert isinstance(
        config(rules=[RULE.model_dump() | {"threshold_pct": Decimal(-1)}])
        .rules[0]
        .evaluate(market("165.7458", "167.42"), NOON, MAX_AGE),
        Fired,
    )


@pytest.mark.parametrize("absent", ["last_trade", "prev_close"])
def test_without_data_it_is_silent(absent: str) -> None:
    known = {key: fact for key, fact in market("400", "500").items() if key[1] != absent}

    assert RULE.evaluate(known, NOON, MAX_AGE) == Silent("SPY", "no_data")


@pytest.mark.parametrize(
    ("at", "reference_at"),
    [
        (NOON - timedelta(minutes=3, microseconds=1), MIDNIGHT_BEFORE),
        (NOON + timedelta(minutes=3, microseconds=1), MIDNIGHT_BEFORE),
        (NOON, NOON.replace(hour=0)),
        (NOON, NOON - timedelta(days=8)),
    ],
)
def test_old_trades_and_closes_of_the_wrong_session_are_stale(
    at: datetime, reference_at: datetime
) -> None:
    outcome = RULE.evaluate(market("400", "500", at, reference_at), NOON, MAX_AGE)

    assert outcome == Silent("SPY", "stale")


def test_a_close_from_before_a_long_weekend_is_good() -> None:
    tuesday = datetime(2026, 1, 20, 10, 0, tzinfo=NEW_YORK)
    friday = datetime(2026, 1, 16, 0, 0, tzinfo=NEW_YORK)

    outcome = RULE.evaluate(market("492", "500", tuesday, friday), tuesday, MAX_AGE)

    assert isinstance(outcome, Fired)


@given(
    price=st.decimals("0.01", 10_000, places=2),
    reference=st.decimals("0.01", 10_000, places=2),
    factor=st.integers(1, 1000),
)
def test_scaling_all_prices_changes_nothing(
    price: Decimal, reference: Decimal, factor: int
) -> None:
    plain = RULE.evaluate(market(str(price), str(reference)), NOON, MAX_AGE)
    scaled = RULE.evaluate(market(str(price * factor), str(reference * factor)), NOON, MAX_AGE)

    assert type(plain) is type(scaled)
    assert plain.pct is not None
    assert scaled.pct is not None
    assert abs(plain.pct - scaled.pct) < Decimal("0.0001")
