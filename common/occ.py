"""The OCC symbol of an option contract."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, Self

from common.errors import MalformedMessageError

OptionType = Literal["call", "put"]

_OCC = re.compile(
    r"(?P<root>[A-Z]{1,5}[0-9]?)(?P<expiry>[0-9]{6})(?P<type>[CP])(?P<strike>(?!0{8})[0-9]{8})"
)
_TYPES: dict[str, OptionType] = {"C": "call", "P": "put"}
_MILLS = 1000
_CENTURY = 2000


@dataclass(frozen=True)
class OccSymbol:
    """What an OCC symbol says: root, expiry, type and strike (USD).

    The root is not always the underlying: class shares lose their dot, and after a corporate
    action the adjusted contracts get a digit.
    """

    root: str
    expiry: date
    type: OptionType
    strike: Decimal

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `AAPL250620C00100000`; raises MalformedMessageError."""
        found = _OCC.fullmatch(text)
        if not found:
            raise MalformedMessageError(f"not an OCC option symbol: {text!r}")
        year, month, day = (int(found["expiry"][at : at + 2]) for at in (0, 2, 4))
        try:
            expiry = date(_CENTURY + year, month, day)
        except ValueError as error:
            raise MalformedMessageError(f"not a day in {text!r}: {error}") from error
        strike = Decimal(found["strike"]) / _MILLS
        return cls(found["root"], expiry, _TYPES[found["type"]], strike)

    def __str__(self) -> str:
        mills = int(self.strike * _MILLS)
        return f"{self.root}{self.expiry:%y%m%d}{self.type[0].upper()}{mills:08}"
