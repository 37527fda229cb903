from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from common.market import NEW_YORK, Quote, is_fresh, trading_day, trading_day_start
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
