"""What a data request gets to see: its symbols, as far as its faults let them through."""

from dataclasses import replace
from typing import Any

import flask

from infra.simulator.errors import ApiError, bad_data_request
from infra.simulator.faults.fault import Fault
from infra.simulator.market.bars import Quote
from infra.simulator.market.tape import View
from infra.simulator.market.timestamps import SECOND
from infra.simulator.state import BrokerState


class SymbolViews:
    """What the market knows, as far as the request's faults let it through."""

    def __init__(self, broker: BrokerState) -> None:
        self._broker = broker

    def view(self, symbol: str) -> View | None:
        """Return the view of a symbol, None when it is unknown."""
        view = self._broker.market.view(symbol)
        fault = flask.g.faults.get("quote")
        if not (view and view.quote and fault):
            return view
        quote = quote_under(fault, symbol, view.quote, self._broker.clock.now_ns())
        return View(view.trade, quote, view.minute, view.daily, view.previous_daily)

    def known(self, symbol: str, what: str) -> View:
        """Return the view, or end the request with 404 (unconfirmed)."""
        view = self.view(symbol)
        if view is None:
            raise ApiError(404, {"message": f"no {what} found for {symbol}"})
        return view


def listed(name: str) -> list[str]:
    """Return the values of a list parameter, each once; end the request when there is none."""
    text = flask.request.args.get(name, "")
    if not text:
        raise bad_data_request(f"{name} is required")
    return list(dict.fromkeys(text.split(",")))


def quote_under(fault: Fault, symbol: str, quote: Quote, now: int) -> Quote:
    """Return the quote as a client gets to see it under a quote fault."""
    wanted = fault.parameters
    if wanted.get("symbol") not in (None, symbol):
        return quote
    if fault.kind == "stale_quote":
        return replace(quote, at=now - int(float(wanted.get("age", 3600)) * SECOND))
    side = wanted.get("side", "ask")
    emptied = ("bid", "ask") if side == "both" else (side,)
    zeros: dict[str, Any] = dict.fromkeys(emptied, quote.bid * 0)
    return replace(quote, **zeros)
