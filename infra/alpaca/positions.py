"""What the broker holds (`GET /v2/positions`, alpaca-api.md section 5.5)."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from common.errors import TransientError
from common.model import problems
from infra.alpaca.http import AlpacaHttp


class _Position(BaseModel):
    symbol: str
    # The sign of a short's quantity is documented both ways: the side decides.
    qty: Decimal = Field(allow_inf_nan=False)
    side: Literal["long", "short"]


_POSITIONS = TypeAdapter(list[_Position])


def positions(http: AlpacaHttp) -> dict[str, Decimal]:
    """Return signed units by symbol; a pair of crypto currencies is written without its slash."""
    try:
        said = _POSITIONS.validate_python(http.get("/v2/positions"))
    except ValidationError as error:
        raise TransientError(f"broker's answer is unreadable: {problems(error)}") from error
    return {each.symbol: abs(each.qty) * (1 if each.side == "long" else -1) for each in said}
