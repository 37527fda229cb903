"""Quotes as the broker words them; the parts that stocks, crypto and options share."""

from typing import Annotated, Any

from pydantic import Field

from common.bounds import Instant, WireNumber, WirePrice
from common.market import Quote
from common.model import TolerantModel
from infra.alpaca.responses import parse

Price = WirePrice
# A size, or the price of a side, which is 0 where nobody bids or asks.
Size = Annotated[WireNumber, Field(ge=0)]


class WireQuote(TolerantModel):
    """Best bid and ask; a side that is empty has price and size 0."""

    bid: Size = Field(alias="bp")
    ask: Size = Field(alias="ap")
    at: Instant = Field(alias="t")
    bid_size: Size | None = Field(alias="bs", default=None)
    ask_size: Size | None = Field(alias="as", default=None)


def quote_of(symbol: str, raw: Any) -> Quote:
    """Return a symbol's quote; raises MalformedMessageError."""
    quote = parse(WireQuote, raw)
    return Quote(symbol, quote.bid, quote.ask, quote.at)
