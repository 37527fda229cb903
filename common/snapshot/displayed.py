"""Reads a displayed value back, as the dashboard does when it stores one."""

import re
from decimal import Decimal
from typing import Literal

ValueKind = Literal["number", "percent", "text"]

_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", re.ASCII)


def value_of(text: str) -> tuple[Decimal | None, ValueKind]:
    """Return what a text shows: a plain number, a percentage without its sign, or only text."""
    bare = text.removesuffix("%")
    if not _NUMBER.fullmatch(bare):
        return None, "text"
    return Decimal(bare.replace(",", "")), "number" if bare == text else "percent"
