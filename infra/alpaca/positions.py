"""What the broker holds (`GET /v2/positions`, docs/broker.md, Account and reference data)."""

from typing import Any, Literal

from common.bounds import WireNumber, WireText
from common.holdings.positions import Holding
from common.model import WireModel
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.responses import read_all


class _Position(WireModel):
    symbol: WireText
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


def positions(http: AlpacaHttp) -> dict[str, Holding]:
    """Return what is held by symbol; a pair of crypto currencies is written without its slash."""
    return holdings(http.get("/v2/positions"))


def holdings(answer: Any) -> dict[str, Holding]:
    """Read the broker's list of positions; raises TransientError."""
    return {each.symbol: each.holding for each in read_all(_Position, answer)}
