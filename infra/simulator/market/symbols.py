"""The forms of symbols (docs/broker.md): BRK.B, HCMA.WS.A, BTC/USD, AAPL250620C00100000."""

import re

CRYPTO_FORM = "^[A-Z]+x?/[A-Z]+$"

_STOCK = re.compile(r"[A-Z]{1,10}(\.[A-Z]{1,4}){0,2}")
_CRYPTO = re.compile(CRYPTO_FORM)
_OPTION = re.compile(r"[A-Z]{1,5}\d{6,7}[CP]\d{8}")


def is_stock(symbol: str) -> bool:
    """Whether the text has the form of a stock symbol; class shares use a dot."""
    return _STOCK.fullmatch(symbol) is not None


def is_crypto(symbol: str) -> bool:
    """Whether the text has the form of a crypto pair."""
    return _CRYPTO.fullmatch(symbol) is not None


def is_option(symbol: str) -> bool:
    """Whether the text has the form of an option contract."""
    return _OPTION.fullmatch(symbol) is not None


def asset_class(symbol: str) -> str:
    """Return how the trading API calls the kind of a stock or crypto symbol."""
    return "crypto" if is_crypto(symbol) else "us_equity"


def held_as(symbol: str) -> str:
    """Return how positions write a symbol: crypto pairs lose their slash there."""
    return symbol.replace("/", "")
