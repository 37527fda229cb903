"""The JSON shapes of the data API: numbers as JSON numbers, nanosecond stamps."""

from decimal import Decimal
from typing import Any

from infra.simulator.decimals import number
from infra.simulator.market.bars import Bar, Quote
from infra.simulator.market.tape import Trade, View
from infra.simulator.market.timestamps import rfc3339

_IEX = "V"
_TAPE = "B"
# No recording says how many trades a bar holds; a round lot each is a plausible count.
_LOT = 100


def trade(trade: Trade) -> dict[str, Any]:
    """Return a TRADE."""
    return {
        "t": rfc3339(trade.at),
        "x": _IEX,
        "p": number(trade.price),
        "s": number(Decimal(trade.size)),
        "c": ["@"],
        "i": trade.number,
        "z": _TAPE,
    }


def quote(quote: Quote) -> dict[str, Any]:
    """Return a QUOTE; an empty side has price 0, size 0 and no exchange."""
    return {
        "t": rfc3339(quote.at),
        "bx": _IEX if quote.bid else " ",
        "bp": number(quote.bid),
        "bs": number(Decimal(quote.bid_size)) if quote.bid else 0,
        "ax": _IEX if quote.ask else " ",
        "ap": number(quote.ask),
        "as": number(Decimal(quote.ask_size)) if quote.ask else 0,
        "c": ["R"],
        "z": _TAPE,
    }


def bar(bar: Bar) -> dict[str, Any]:
    """Return a BAR; `n` and `vw` are estimates from its volume and prices."""
    typical = (bar.high + bar.low + bar.close) / 3
    return {
        "t": rfc3339(bar.at),
        "o": number(bar.open),
        "h": number(bar.high),
        "l": number(bar.low),
        "c": number(bar.close),
        "v": number(Decimal(bar.volume)),
        "n": -(-int(bar.volume) // _LOT),
        "vw": round(float(typical), 6),
    }


def snapshot(view: View) -> dict[str, Any]:
    """Return a SNAP; what is not known yet is missing."""
    parts = {
        "latestTrade": trade(view.trade),
        "latestQuote": view.quote and quote(view.quote),
        "minuteBar": view.minute and bar(view.minute),
        "dailyBar": view.daily and bar(view.daily),
        "prevDailyBar": view.previous_daily and bar(view.previous_daily),
    }
    return {name: part for name, part in parts.items() if part is not None}
