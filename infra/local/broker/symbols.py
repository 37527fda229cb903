"""The form of a stock symbol (section 2): class shares use a dot, as in BRK.B."""

import re

_STOCK = re.compile(r"[A-Z]{1,10}(\.[A-Z]{1,3})?")


def is_stock(symbol: str) -> bool:
    """Whether the text has the form of a stock symbol."""
    return _STOCK.fullmatch(symbol) is not None
