"""Numbers as the dashboard takes them: JSON numbers, never strings, NaN or binary noise."""

from decimal import Context, Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from common.model import exact

# Every reader there holds a double, which keeps exactly so many digits of any decimal.
_AS_READERS_HOLD_IT = Context(prec=15)


def _json_number(number: Decimal) -> int | float:
    """Return what JSON writes as these very digits, whole numbers without a point."""
    return int(number) if number == number.to_integral_value() else float(number)


# A finite decimal of 15 significant digits, exact on the wire and in its reader.
Number = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(allow_inf_nan=False),
    AfterValidator(_AS_READERS_HOLD_IT.plus),
    PlainSerializer(_json_number, return_type=int | float, when_used="json"),
]
