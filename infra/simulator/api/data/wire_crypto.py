"""The JSON shapes of the crypto data API: no exchange, no conditions, no tape."""

from decimal import Decimal
from typing import Any

from infra.simulator.api.data import wire_data
from infra.simulator.decimals import number
from infra.simulator.market.bars import Quote
from infra.simulator.market.tape import Trade, View
from infra.simulator.market.timestamps import rfc3339

bar = wire_data.bar


def trade(trade: Trade) -> dict[str, Any]:
    """Return a trade; `tks` is the taker's side, which nobody recorded."""
    return {
        "t": rfc3339(trade.at),
        "p": number(trade.price),
        "s": number(Decimal(trade.size)),
        "i": trade.number,
        "tks": "B",
    }


def quote(quote: Quote) -> dict[str, Any]:
    """Return a quote; an empty side has price and size 0."""
    return {
        "t": rfc3339(quote.at),
        "bp": number(quote.bid),
        "bs": number(Decimal(quote.bid_size if quote.bid else 0)),
        "ap": number(quote.ask),
        "as": number(Decimal(quote.ask_size if quote.ask else 0)),
    }


def snapshot(view: View) -> dict[str, Any]:
    """Return a snapshot; what is not known yet is missing."""
    parts = {
        "latestTrade": trade(view.trade),
        "latestQuote": view.quote and quote(view.quote),
        "minuteBar": view.minute and bar(view.minute),
        "dailyBar": view.daily and bar(view.daily),
        "prevDailyBar": view.previous_daily and bar(view.previous_daily),
    }
    return {name: part for name, part in parts.items() if part is not None}
