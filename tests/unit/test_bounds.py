"""What is out of bounds is refused before anything computes with it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from common import bounds
from common.model import Exact, plain

NUMBER = TypeAdapter[Any](Exact)
WIRE = TypeAdapter[Any](bounds.WireNumber)
PRICE = TypeAdapter[Any](bounds.WirePrice)
INSTANT = TypeAdapter[Any](bounds.Instant)
LINE = TypeAdapter[Any](bounds.Line)
DAY = TypeAdapter[Any](bounds.Day)


@pytest.mark.parametrize(
    "number",
    ["1e-20000", "1e-200000000", "1e999999999", "-1e16", "1e-41", "9" * 17, "0e-20000", "0e99"],
)
def test_a_number_is_bounded_as_a_number_and_as_a_text(number: str) -> None:
    for given_as in (number, Decimal(number)):
        with pytest.raises(ValidationError, match="ordinary size"):
            NUMBER.validate_python(given_as)


@pytest.mark.parametrize("number", [10**16, -(10**4000)])
def test_an_integer_is_bounded_alike(number: int) -> None:
    with pytest.raises(ValidationError, match="ordinary size"):
        NUMBER.validate_python(number)


@pytest.mark.parametrize(
    "text", ["\uff11\uff10", "1_000", " 1", "1\n", "", ".", "e5", "0x10", "NaN", "9" * 421, "٣"]
)
def test_a_text_is_a_number_only_in_plain_digits(text: str) -> None:
    with pytest.raises(ValidationError, match="plain digits"):
        NUMBER.validate_python(text)


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity")])
def test_what_is_not_finite_is_no_number(number: Decimal) -> None:
    with pytest.raises(ValidationError):
        NUMBER.validate_python(number)


@pytest.mark.parametrize("number", ["0", "-1.5", "+.5", "1.", "1e15", "1E-40", "0.000000001"])
def test_an_ordinary_number_stays_what_it_is(number: str) -> None:
    assert NUMBER.validate_python(number) == Decimal(number)


def test_the_broker_may_send_what_a_binary_float_can_be() -> None:
    assert WIRE.validate_python(Decimal("5e-324")) == Decimal("5e-324")
    with pytest.raises(ValidationError, match="ordinary size"):
        WIRE.validate_python(Decimal("5e-401"))


@pytest.mark.parametrize("price", ["0", "-1", "1e-11", "1e10"])
def test_a_price_is_one_that_can_be_compared_with_any_other(price: str) -> None:
    with pytest.raises(ValidationError):
        PRICE.validate_python(price)


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z"])
def test_an_instant_of_the_first_or_the_last_year_is_taken(text: str) -> None:
    assert INSTANT.validate_python(text) == datetime.fromisoformat(text)


def test_the_longest_number_is_taken() -> None:
    longest = "0" * bounds.LONGEST_NUMBER
    assert (len(longest), NUMBER.validate_python(longest)) == (420, 0)


def test_what_is_not_finite_is_not_ordinary() -> None:
    assert not bounds.is_ordinary(Decimal("Infinity"))
    assert not bounds.is_ordinary(Decimal("NaN"))


@given(st.text() | st.integers() | st.decimals() | st.floats() | st.none())
def test_whatever_is_taken_for_a_number_can_be_written_out(value: object) -> None:
    try:
        number = NUMBER.validate_python(value)
    except ValidationError:
        return
    assert len(plain(number)) < 70
    assert abs(number) < bounds.LARGEST


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
    ],
)
def test_an_instant_is_in_our_years(text: str) -> None:
    with pytest.raises(ValidationError, match="between the years"):
        INSTANT.validate_python(text)


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_an_instant_that_is_taken_can_be_moved_to_utc(at: datetime) -> None:
    try:
        taken = INSTANT.validate_python(at)
    except ValidationError:
        return
    assert (
        taken.astimezone(UTC).timestamp() == at.timestamp()
    )  # in the gap of a change of clocks, too


@pytest.mark.parametrize("text", ["a\x1b[2J", "a\nb", "a\x00", "a\u202eb", "a\u2028b", "\x85"])
def test_a_line_has_no_characters_that_a_terminal_acts_on(text: str) -> None:
    with pytest.raises(ValidationError, match="control characters"):
        LINE.validate_python(text)


def test_a_line_may_be_in_any_language() -> None:
    assert LINE.validate_python("Größe 株 👩‍👩‍👧 100 %") == "Größe 株 👩‍👩‍👧 100 %"


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31"])
def test_a_day_is_in_our_years(text: str) -> None:
    with pytest.raises(ValidationError):
        DAY.validate_python(text)
