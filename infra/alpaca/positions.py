"""What the broker holds (`GET /v2/positions`, docs/broker.md, Account and reference data)."""

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from common.bounds import WireNumber, WireText
from common.errors import MalformedMessageError, TransientError
from common.holdings.positions import Holding
from common.model import WireModel
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.responses import items, parse, read

log = logging.getLogger(__name__)


class _Named(WireModel):
    symbol: WireText


class _Position(_Named):
    # The sign of a short's quantity is documented both ways: the side decides.
    qty: WireNumber
    qty_available: WireNumber | None = None
    avg_entry_price: WireNumber | None = None
    side: Literal["long", "short"]

    @property
    def holding(self) -> Holding:
        """The position with signed units."""
        sign = 1 if self.side == "long" else -1
        free = self.qty if self.qty_available is None else self.qty_available
        return Holding(sign * abs(self.qty), abs(free), self.avg_entry_price)


def positions(http: AlpacaHttp) -> dict[str, Holding | None]:
    """Return what is held by symbol, None where it cannot be read.

    A pair of crypto currencies is written without its slash.
    """
    return holdings(http.get("/v2/positions"))


def holdings(answer: Any) -> dict[str, Holding | None]:
    """Read the broker's list of positions; raises TransientError where it names no symbol."""
    held: dict[str, Holding | None] = {}
    for raw in items(answer):
        symbol = read(_Named, raw).symbol
        try:
            held[symbol] = parse(_Position, raw).holding
        except MalformedMessageError as error:
            log.warning("the position in %s is left out: %s", symbol, error)
            held[symbol] = None
    return held


def holding_of(held: Mapping[str, Holding | None], symbol: str) -> Holding:
    """Return what is held of a symbol, with or without a slash; perhaps nothing.

    Raises TransientError where it cannot be read.
    """
    holding = held.get(symbol.replace("/", ""), Holding(Decimal(0), Decimal(0)))
    if holding is None:
        raise TransientError(f"the broker's position in {symbol} cannot be read")
    return holding
