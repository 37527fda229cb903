"""Reads a displayed value back, as the dashboard does when it stores one."""

import math
import re
from decimal import Decimal
from typing import Literal

ValueKind = Literal["number", "percent", "text"]

_PLAIN = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
# A percentage is read more leniently there, by JavaScript's `Number`.
_LENIENT = re.compile(r"-?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)


def value_of(text: str) -> tuple[Decimal | None, ValueKind]:
    """Return what a text shows: a plain number, a percentage without its sign, or only text.

    Commas count for nothing, wherever they stand. A number that no double holds is only text.
    """
    shown = text.strip()
    if shown.endswith("%"):
        return _read(re.sub("[%+,]", "", shown).strip() or "0", _LENIENT, "percent")
    return _read(shown.replace(",", "").strip(), _PLAIN, "number")


def _read(digits: str, form: re.Pattern[str], kind: ValueKind) -> tuple[Decimal | None, ValueKind]:
    if not form.fullmatch(digits) or not math.isfinite(float(digits)):
        return None, "text"
    return Decimal(digits), kind
