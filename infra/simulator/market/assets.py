"""Which instruments can be traded, and how.

The grid of a crypto pair is that of assets recorded in 2026: prices and quantities in steps of
1e-9 (SOL/USDT, UNI/USD, LTC/USDT, BTC/USD). Earlier answers had coarser ones, which `put` sets:
BTC/USD prices by 1 (Alpaca's page "Crypto Spot Trading"), DOGE by 0.0000005 (ccxt's alpaca.ts),
BCH/BTC by 0.000001 and quantities by 0.001 (alpaca-py pull request 175).
"""

import uuid
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from infra.simulator.market.market import Market
from infra.simulator.market.symbols import held_as, is_crypto

_NAMESPACE = uuid.UUID("5f1c53f4-91f0-4a3e-9d6c-0a7f6b7c2e11")


@dataclass(frozen=True, slots=True)
class Asset:
    """A stock or crypto pair and its permissions."""

    symbol: str
    exchange: str = "NASDAQ"
    status: str = "active"
    tradable: bool = True
    marginable: bool = True
    shortable: bool = True
    fractionable: bool = True
    price_increment: Decimal = Decimal("1e-9")
    min_trade_increment: Decimal = Decimal("1e-9")
    min_order_size: Decimal = Decimal("1e-9")

    @property
    def id(self) -> str:
        """The same for a symbol in every simulator."""
        return asset_id(self.symbol)


class Assets:
    """Every symbol with a price is an asset; `put` changes what may be done with it."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._changed: dict[str, Asset] = {}

    def put(self, symbol: str, **changes: Any) -> None:
        """Set fields of an asset, for example `tradable=False`; makes an unknown one known."""
        numbers = {each.name for each in fields(Asset) if each.type is Decimal}
        exact = {name: Decimal(str(changes[name])) for name in numbers & changes.keys()}
        self._changed[symbol] = replace(
            self._changed.get(symbol, default_asset(symbol)), **(changes | exact)
        )

    def get(self, symbol: str) -> Asset | None:
        """Return the asset, or None when the broker does not know the symbol."""
        if symbol in self._changed:
            return self._changed[symbol]
        return default_asset(symbol) if symbol in self._market.symbols() else None

    def find(self, symbol_or_id: str) -> Asset | None:
        """Return the asset by its symbol, its id, or the name that positions give it."""
        symbols = self._market.symbols()
        by_id = {name: s for s in symbols for name in (asset_id(s), held_as(s))}
        return self.get(by_id.get(symbol_or_id, symbol_or_id))

    def forget(self) -> None:
        """Drop every change."""
        self._changed.clear()


def default_asset(symbol: str) -> Asset:
    """Return an asset with the permissions of its class."""
    if is_crypto(symbol):
        return Asset(symbol, exchange="CRYPTO", marginable=False, shortable=False)
    return Asset(symbol)


def asset_id(symbol: str) -> str:
    """Return the asset's id."""
    return str(uuid.uuid5(_NAMESPACE, symbol))
