from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from common.market import NEW_YORK, Quote, Snapshot, is_fresh, trading_day, trading_day_start
from tests.unit.samples import NOON


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-02-11T04:59:59+00:00", date(2026, 2, 10)),
        ("2026-02-11T05:00:00+00:00", date(2026, 2, 11)),
        ("2026-03-08T04:59:59+00:00", date(2026, 3, 7)),  # the clocks go forward that night
        ("2026-03-09T03:59:59+00:00", date(2026, 3, 8)),
        ("2026-03-09T04:00:00+00:00", date(2026, 3, 9)),
        ("2026-11-02T04:59:59+00:00", date(2026, 11, 1)),  # 25 hours long
        ("2026-11-02T05:00:00+00:00", date(2026, 11, 2)),
    ],
)
def test_the_trading_day_is_new_yorks(instant: str, day: date) -> None:
    assert trading_day(datetime.fromisoformat(instant)) == day


def test_a_trading_day_begins_at_midnight_on_both_sides_of_dst() -> None:
    summer = trading_day_start(datetime(2026, 3, 8, 18, 0, tzinfo=UTC))

    assert summer.astimezone(UTC) == datetime(2026, 3, 8, 5, 0, tzinfo=UTC)
    assert trading_day_start(NOON) == datetime(2026, 2, 10, tzinfo=NEW_YORK)


def test_the_future_is_as_stale_as_the_past() -> None:
    age = timedelta(minutes=3)

    assert is_fresh(NOON - age, NOON, age)
    assert not is_fresh(NOON - age - timedelta(microseconds=1), NOON, age)
    assert not is_fresh(NOON + age + timedelta(microseconds=1), NOON, age)


def test_a_one_sided_quote_has_no_middle() -> None:
    assert Quote("SPY", Decimal(1), Decimal(2), NOON).mid == Decimal("1.5")
    assert Quote("SPY", Decimal(0), Decimal(2), NOON).mid is None
    assert Quote("SPY", Decimal(1), Decimal(0), NOON).mid is None


# What others met: kabusapi issue 534 (a bid of 27120 over an ask of 27110), alpaca-trade-api-js
# issue 129 (both sides 0), tardis-node issue 62 (both 902651: locked, which a market may be).
@pytest.mark.parametrize(
    ("bid", "ask", "crossed", "mid"),
    [
        ("27120", "27110", True, None),
        ("0", "0", False, None),
        ("902651", "902651", False, Decimal(902651)),
    ],
)
def test_a_quote_that_others_recorded(
    bid: str, ask: str, mid: Decimal | None, *, crossed: bool
) -> None:
    quote = Quote("SPY", Decimal(bid), Decimal(ask), NOON)

    assert quote.is_crossed is crossed
    assert crossed or quote.mid == mid


def fact(**changes: Any) -> Snapshot:
    sound = Snapshot(
        "SPY", "us_equity", "iex", "last_trade", Decimal("1e-9"), Decimal(0), NOON, {}, 1
    )
    return replace(sound, **changes)


@pytest.mark.parametrize(
    ("changes", "defect"),
    [
        ({}, None),
        ({"volume": None}, None),
        ({"as_of": NOON + timedelta(days=1)}, None),
        ({"price": None}, "its price is None"),
        ({"price": Decimal(0)}, "its price is 0"),
        ({"price": Decimal(-1)}, "its price is -1"),
        ({"price": Decimal("NaN")}, "its price is NaN"),
        ({"volume": Decimal("-0.1")}, "its volume is -0.1"),
        ({"volume": Decimal("Infinity")}, "its volume is Infinity"),
        ({"as_of": NOON + timedelta(days=1, microseconds=1)}, "which has not come yet"),
    ],
)
def test_nothing_is_computed_from_a_fact_that_should_not_be_there(
    changes: dict[str, Any], defect: str | None
) -> None:
    found = fact(**changes).defect(NOON)

    assert (found is None) == (defect is None)
    assert (defect or "") in (found or "")
