"""Numbers as the dashboard takes them: JSON numbers, never strings, NaN or binary noise."""

from decimal import Context, Decimal
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

# Every reader there holds a double, which keeps exactly so many digits of any decimal.
_AS_READERS_HOLD_IT = Context(prec=15)


def _number(value: object) -> Decimal:
    if type(value) is not Decimal and type(value) is not int:
        raise ValueError("must be an exact decimal number")
    number = _AS_READERS_HOLD_IT.create_decimal(value)
    if not number.is_finite():
        raise ValueError("must be a finite number")
    return number


def _json_number(number: Decimal) -> int | float:
    """Return what JSON writes as these very digits, whole numbers without a point."""
    held = float(number)
    return int(held) if held.is_integer() else held


# A finite decimal of 15 significant digits, exact on the wire and in its reader. There are
# thousands of them in a day: one call each way.
Number = Annotated[
    Decimal,
    PlainValidator(_number),
    PlainSerializer(_json_number, return_type=int | float, when_used="json"),
]
