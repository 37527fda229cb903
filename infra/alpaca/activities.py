"""The account's executions, whoever ordered them (`GET /v2/account/activities/FILL`)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, Field

from common.holdings.positions import Execution
from common.model import WireModel
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.responses import read_all

_PAGE = 100
# What is older was explained when it was young, or is for a person.
_MOST_PAGES = 20


class _Activity(WireModel):
    id: str
    order_id: str
    symbol: str
    side: Literal["buy", "sell", "sell_short"]
    qty: Decimal = Field(gt=0, allow_inf_nan=False)
    price: Decimal = Field(ge=0, allow_inf_nan=False)
    transaction_time: AwareDatetime

    @property
    def execution(self) -> Execution:
        """The execution, with signed units."""
        qty = self.qty if self.side == "buy" else -self.qty
        symbol = self.symbol.replace("/", "")
        return Execution(self.id, self.order_id, symbol, qty, self.price, self.transaction_time)


def executions(http: AlpacaHttp, after: datetime) -> Iterator[Execution]:
    """Yield the executions after an instant, oldest first; raises TransientError."""
    params = {
        "after": after.astimezone(UTC).isoformat(),
        "direction": "asc",
        "page_size": str(_PAGE),
    }
    for _ in range(_MOST_PAGES):
        page = read_all(_Activity, http.get("/v2/account/activities/FILL", params))
        yield from (each.execution for each in page)
        if len(page) < _PAGE:
            return
        params = params | {"page_token": page[-1].id}
