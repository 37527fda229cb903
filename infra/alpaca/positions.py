"""What the broker holds (`GET /v2/positions`, alpaca-api.md section 5.5)."""

from decimal import Decimal
from typing import Literal

from common.bounds import WireNumber, WireText
from common.model import WireModel
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.responses import read_all


class _Position(WireModel):
    symbol: WireText
    # The sign of a short's quantity is documented both ways: the side decides.
    qty: WireNumber
    side: Literal["long", "short"]


def positions(http: AlpacaHttp) -> dict[str, Decimal]:
    """Return signed units by symbol; a pair of crypto currencies is written without its slash."""
    wire = read_all(_Position, http.get("/v2/positions"))
    return {each.symbol: abs(each.qty) * (1 if each.side == "long" else -1) for each in wire}
