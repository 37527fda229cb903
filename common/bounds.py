"""How large a value may be where it enters, whoever sent it.

Each bound is a type for the models to use, so that a value out of bounds is refused with its path
before anything computes with it, prints it or stores it. What fits is safe: it can be multiplied,
written out in full, moved to any time zone and held by Postgres.
"""

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

# No caller has more to say than this (bytes); Cloud Run itself lets 32 MiB through.
LARGEST_BODY = 64 * 1024

# Numbers: below ten quadrillion, and of no more digits than a computation of ours leaves.
LARGEST = Decimal(10) ** 16
SMALLEST_EXPONENT = -40
# The broker computes greeks in binary floats, whose exponents go as far as this.
SMALLEST_FLOAT_EXPONENT = -400
LONGEST_NUMBER = 420
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,9})?")

FIRST_YEAR, LAST_YEAR = 1970, 2199

# Marks that make a line read in another order than it is written, so that it says something else.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, lone surrogates, line separators


def is_ordinary(number: Decimal, smallest_exponent: int = SMALLEST_EXPONENT) -> bool:
    """Return whether a number is finite and of a size that is safe to compute with."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):  # infinite, or no number
        return False
    return smallest_exponent <= exponent <= number.adjusted() + 1 <= LARGEST.adjusted()


def is_clean(text: str) -> bool:
    """Return whether a text is one line that shows as it is written."""
    return not any(
        each in _REORDERING or unicodedata.category(each) in _UNPRINTABLE for each in text
    )


def _number(value: object, smallest_exponent: int) -> object:
    """Check the digits of whatever claims to be a number; other types are left to their model."""
    if isinstance(value, str) and (len(value) > LONGEST_NUMBER or not _NUMBER.fullmatch(value)):
        raise ValueError("must be a decimal number in plain digits")
    if isinstance(value, int) and abs(value) >= LARGEST:
        raise ValueError("must be a number of ordinary size")
    if isinstance(value, str | Decimal) and not is_ordinary(Decimal(value), smallest_exponent):
        raise ValueError("must be a number of ordinary size")
    return value


def _ordinary_number(value: object) -> object:
    return _number(value, SMALLEST_EXPONENT)


def _ordinary_float(value: object) -> object:
    return _number(value, SMALLEST_FLOAT_EXPONENT)


def _in_our_years(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"must be between the years {FIRST_YEAR} and {LAST_YEAR}")
    return at


def _clean(text: str) -> str:
    if not is_clean(text):
        raise ValueError("must be one line of text without control characters")
    return text


Number = Annotated[Decimal, BeforeValidator(_ordinary_number), Field(allow_inf_nan=False)]
# Go programs write the year 1 for a time that was never set, and arithmetic at the ends of the
# calendar overflows.
Instant = Annotated[AwareDatetime, AfterValidator(_in_our_years)]
Day = Annotated[date, Field(ge=date(FIRST_YEAR, 1, 1), le=date(LAST_YEAR, 12, 31))]
Line = Annotated[str, AfterValidator(_clean)]
UserId = Annotated[Line, Field(min_length=1, max_length=128)]

# What the broker sends.
WireNumber = Annotated[Decimal, BeforeValidator(_ordinary_float), Field(allow_inf_nan=False)]
WirePrice = Annotated[WireNumber, Field(ge=Decimal("1e-10"), lt=Decimal("1e10"))]  # USD
WireText = Annotated[Line, Field(max_length=200)]
