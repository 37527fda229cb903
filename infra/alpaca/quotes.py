"""Quotes as the broker words them; the parts that stocks, crypto and options share."""

from typing import Any

from pydantic import Field

from common.bounds import Instant, WireNumber
from common.market import Quote
from common.model import WireModel
from infra.alpaca.batches import parse


class WireQuote(WireModel):
    """Best bid and ask; a side that is empty has price and size 0."""

    bid: WireNumber = Field(alias="bp", ge=0)
    ask: WireNumber = Field(alias="ap", ge=0)
    at: Instant = Field(alias="t")
    bid_size: WireNumber | None = Field(alias="bs", default=None)
    ask_size: WireNumber | None = Field(alias="as", default=None)


def quote_of(symbol: str, raw: Any) -> Quote:
    """Return a symbol's quote; raises MalformedMessageError."""
    quote = parse(WireQuote, raw)
    return Quote(symbol, quote.bid, quote.ask, quote.at)
