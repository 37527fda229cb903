from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from common.inputs import CryptoInput, DataInput, OptionInput, StockInput
from common.market import Session
from common.sessions import CalendarDay, is_open_for

OPENS, CLOSES = datetime(2026, 11, 27, 14, 30, tzinfo=UTC), datetime(2026, 11, 27, 18, tzinfo=UTC)
EXTENDED = Session(datetime(2026, 11, 27, 9, tzinfo=UTC), datetime(2026, 11, 27, 22, tzinfo=UTC))
HALF_DAY = CalendarDay(date(2026, 11, 27), Session(OPENS, CLOSES), EXTENDED)
HOLIDAY = CalendarDay(date(2026, 11, 26))


def stock(**fields: Any) -> DataInput:
    return StockInput(id="i", source="alpaca", asset_class="us_equity", symbols=("SPY",), **fields)


CRYPTO = CryptoInput(id="i", source="alpaca", asset_class="crypto", symbols=("BTC/USD",))
OPTIONS = OptionInput(id="i", source="alpaca", asset_class="us_option", underlyings=("SPY",))


@pytest.mark.parametrize("each", [stock(), OPTIONS])
@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        (OPENS - timedelta(seconds=1), False),
        (OPENS, True),
        (CLOSES, True),
        (CLOSES + timedelta(minutes=4, seconds=59), True),
        (CLOSES + timedelta(minutes=5), False),
    ],
)
def test_the_exchange_is_looked_at_in_its_session_and_once_more_after_it(
    each: DataInput, now: datetime, *, is_open: bool
) -> None:
    assert is_open_for(each, HALF_DAY, now) is is_open


def test_extended_hours_begin_and_end_with_their_own_session() -> None:
    each = stock(extended_hours=True)

    assert not is_open_for(each, HALF_DAY, EXTENDED.open - timedelta(seconds=1))
    assert is_open_for(each, HALF_DAY, EXTENDED.open)
    assert not is_open_for(each, HALF_DAY, EXTENDED.close + timedelta(minutes=5))


@pytest.mark.parametrize("each", [stock(), stock(extended_hours=True), OPTIONS])
def test_a_holiday_has_nothing_to_fetch(each: DataInput) -> None:
    assert not is_open_for(each, HOLIDAY, OPENS)


def test_crypto_never_closes() -> None:
    assert is_open_for(CRYPTO, HOLIDAY, OPENS)


@pytest.mark.parametrize("each", [stock(), OPTIONS, CRYPTO])
def test_when_the_calendar_is_unknown_inputs_are_fetched(each: DataInput) -> None:
    assert is_open_for(each, None, OPENS)
