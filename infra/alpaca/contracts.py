"""The list of option contracts (docs/broker.md, Options), which the trading host keeps."""

from typing import Annotated, Any

from pydantic import Field

from common.bounds import Day, WirePrice, WireText
from common.model import WireModel
from common.occ import OptionType
from common.options import ChainBounds, OptionContract, OptionStyle
from infra.alpaca.batches import BatchResult, parse_each, read_isolating
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.option_data import window_params
from infra.alpaca.pages import pages
from infra.alpaca.responses import parse

_LARGEST_PAGE = "10000"


class _Contract(WireModel):
    symbol: WireText
    underlying: WireText = Field(alias="underlying_symbol")
    type: OptionType
    strike: WirePrice = Field(alias="strike_price")
    expiry: Day = Field(alias="expiration_date")
    style: OptionStyle
    open_interest: Annotated[int, Field(ge=0, le=10**12)] | None = None


def option_contracts(
    http: AlpacaHttp, underlying: str, bounds: ChainBounds
) -> BatchResult[OptionContract]:
    """Return the active contracts inside the bounds (`GET /v2/options/contracts`).

    The expiries are always given: without them the broker stops at the next weekend.
    """
    params = {"limit": _LARGEST_PAGE, "status": "active", **window_params(bounds)}

    def read(batch: Any) -> dict[str, Any]:
        asked = pages(http, "/v2/options/contracts", {"underlying_symbols": batch[0], **params})
        rows = [row for page in asked for row in page.get("option_contracts") or []]
        return {_name(number, row): row for number, row in enumerate(rows)}

    rows, refused = read_isolating(read, [underlying])
    known, unreadable = parse_each(
        rows, lambda _, raw: [OptionContract(**dict(parse(_Contract, raw)))]
    )
    return BatchResult(tuple(known), (*refused, *unreadable))


def _name(number: int, row: Any) -> str:
    """Name a row of the list, also one that is no contract."""
    return str(row.get("symbol")) if isinstance(row, dict) else f"row {number}"
