"""Numbers as the dashboard takes them: JSON numbers, never strings, NaN or binary noise."""

from decimal import Context, Decimal
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

# Every reader there holds a double, which keeps exactly so many digits of any decimal.
_AS_READERS_HOLD_IT = Context(prec=15)


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise ValueError("must be an exact decimal number")  # noqa: TRY004 (pydantic's protocol)
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("must be a finite number")
    return _AS_READERS_HOLD_IT.plus(number)


def _json_number(number: Decimal) -> int | float:
    """Return what JSON writes as these very digits, whole numbers without a point."""
    return int(number) if number == number.to_integral_value() else float(number)


# A finite decimal of 15 significant digits, exact on the wire and in its reader. There are
# thousands of them in a day: one call each way.
Number = Annotated[
    Decimal,
    PlainValidator(_number),
    PlainSerializer(_json_number, return_type=int | float, when_used="json"),
]
