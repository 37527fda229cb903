"""The stock data API (docs/broker.md, Stock data): snapshots, latest values and historical bars."""

from collections.abc import Callable, Sequence
from typing import Any

import flask

from infra.simulator.api.data import wire_data
from infra.simulator.api.data.adjusted_bars import adjusted
from infra.simulator.api.data.bar_history import bars_page
from infra.simulator.api.data.views import SymbolViews, listed
from infra.simulator.errors import ApiError, bad_data_request
from infra.simulator.market.symbols import is_stock
from infra.simulator.market.tape import View
from infra.simulator.state import BrokerState

Json = dict[str, Any]

_FEEDS = {"iex", "sip", "delayed_sip", "otc", "boats", "overnight"}
_PARTS: dict[str, Callable[[View], Json | None]] = {
    "trade": lambda view: wire_data.trade(view.trade),
    "quote": lambda view: wire_data.quote(view.quote) if view.quote else None,
    "bar": lambda view: wire_data.bar(view.minute) if view.minute else None,
}


def blueprint(broker: BrokerState) -> flask.Blueprint:
    """Return the routes under /v2/stocks."""
    routes = flask.Blueprint("data", __name__, url_prefix="/v2/stocks")
    seen = SymbolViews(broker)

    @routes.get("/snapshots")
    def snapshots() -> Json:
        _check_feed()
        views = {symbol: seen.view(symbol) for symbol in _symbols()}
        found = {symbol: view and wire_data.snapshot(view) for symbol, view in views.items()}
        keep_null = broker.switches.unknown_snapshot_is_null
        return {symbol: snap for symbol, snap in found.items() if snap or keep_null}

    @routes.get("/<symbol>/snapshot")
    def snapshot(symbol: str) -> Json:
        _check_feed()
        return {**wire_data.snapshot(seen.known(_checked(symbol), "snapshot")), "symbol": symbol}

    @routes.get("/<any(trades, quotes, bars):plural>/latest")
    def latest(plural: str) -> Json:
        _check_feed()
        part = _PARTS[plural[:-1]]
        views = {symbol: seen.view(symbol) for symbol in _symbols()}
        found = {symbol: part(view) for symbol, view in views.items() if view}
        return {plural: {symbol: value for symbol, value in found.items() if value}, **_currency()}

    @routes.get("/<symbol>/<any(trades, quotes, bars):plural>/latest")
    def latest_of_one(symbol: str, plural: str) -> Json:
        _check_feed()
        name = plural[:-1]
        value = _PARTS[name](seen.known(_checked(symbol), name))
        if value is None:
            raise ApiError(404, {"message": f"no {name} found for {symbol}"})
        return {"symbol": symbol, name: value, **_currency()}

    @routes.get("/bars")
    def bars() -> Json:
        found, token = _page(broker, _symbols())
        return {"bars": found, "next_page_token": token, **_currency()}

    @routes.get("/<symbol>/bars")
    def bars_of_one(symbol: str) -> Json:
        wanted = [_checked(symbol)]
        found, token = _page(broker, wanted)
        return {"bars": found.get(symbol), "symbol": symbol, "next_page_token": token}

    return routes


def _symbols() -> list[str]:
    return [_checked(symbol) for symbol in listed("symbols")]


def _checked(symbol: str) -> str:
    """Return a well-formed symbol; a malformed one fails the whole request."""
    if not is_stock(symbol):
        raise bad_data_request(f"invalid symbol: {symbol}")
    return symbol


def _check_feed() -> None:
    feed = flask.request.args.get("feed", "iex")
    if feed not in _FEEDS:
        raise bad_data_request(f"invalid feed: {feed}")
    if feed == "sip":
        message = "subscription does not permit querying recent SIP data"
        raise ApiError(403, {"code": 42210000, "message": message})


def _currency() -> Json:
    currency = flask.request.args.get("currency")
    return {"currency": currency} if currency else {}


def _page(broker: BrokerState, symbols: Sequence[str]) -> tuple[Json, str | None]:
    arguments = flask.request.args
    basis = adjusted(broker.corporate_actions, arguments, broker.clock.now_ns())
    return bars_page(broker.market, broker.clock, symbols, arguments, basis)
