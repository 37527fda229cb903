"""The control routes of what is traded: prices, option contracts, assets.

GET    /sim/market           {SYMBOL: SNAP or null}, as in the data API
PUT    /sim/market/SYMBOL    {"last", ["prev_close", "bid", "ask", "bid_size", "ask_size", "volume",
                             "at": TIME, "live": bool]}; see Market.set_price. SYMBOL is a stock's
                             or a crypto pair (BTC/USD)
GET    /sim/options          {CONTRACT: SNAP or null}, as in the data API
POST   /sim/splits/SYMBOL    {"new_rate", ["old_rate"]}: announces a split of a stock for the next
                             day in New York
PUT    /sim/options/CONTRACT {["underlying", "bid", "ask", "bid_size", "ask_size", "last",
                             "day_volume", "open_interest", "implied_volatility", "greeks": {...},
                             "style", "at": TIME]}; see OptionMarket.put
PUT    /sim/assets/SYMBOL    change fields of an asset, e.g. {"tradable": false}
"""

from dataclasses import asdict
from datetime import timedelta

import flask

from infra.simulator.api.control.control_script import Json, changes, control_routes, document
from infra.simulator.api.control.documents import AssetChange, OptionPrice, Split, StockPrice
from infra.simulator.api.data import wire_crypto, wire_data, wire_options
from infra.simulator.market.symbols import is_crypto
from infra.simulator.market.tape import View
from infra.simulator.market.timestamps import NEW_YORK
from infra.simulator.state import BrokerState


def blueprint(broker: BrokerState) -> flask.Blueprint:
    """Return the routes under /sim."""
    routes = control_routes("control_market")
    _market_routes(routes, broker)
    _option_routes(routes, broker)
    return routes


def _market_routes(routes: flask.Blueprint, broker: BrokerState) -> None:
    @routes.get("/market")
    def market() -> Json:
        views = {symbol: broker.market.view(symbol) for symbol in broker.market.symbols()}
        return {symbol: view and _snapshot(symbol, view) for symbol, view in views.items()}

    @routes.put("/market/<path:symbol>")
    def set_price(symbol: str) -> Json:
        price = changes(StockPrice)
        broker.market.set_price(symbol, price.pop("last"), **price)
        view = broker.market.view(symbol)
        return _snapshot(symbol, view) if view else {}

    @routes.post("/splits/<symbol>")
    def split(symbol: str) -> Json:
        rates = document(Split)
        kind = "forward_split" if rates.new_rate > rates.old_rate else "reverse_split"
        tomorrow = broker.clock.now().astimezone(NEW_YORK).date() + timedelta(days=1)
        announced = broker.corporate_actions.announce(
            kind, symbol=symbol, ex_date=str(tomorrow), **rates.model_dump()
        )
        return {"id": announced.id, "kind": kind, **announced.fields}

    @routes.put("/assets/<path:symbol>")
    def change_asset(symbol: str) -> Json:
        broker.assets.put(symbol, **changes(AssetChange))
        return asdict(broker.assets.get(symbol))  # type: ignore[arg-type]


def _option_routes(routes: flask.Blueprint, broker: BrokerState) -> None:
    @routes.get("/options")
    def options() -> Json:
        views = {
            each.symbol: broker.options.view(each.symbol) for each in broker.options.listings()
        }
        return {symbol: view and wire_options.snapshot(view) for symbol, view in views.items()}

    @routes.put("/options/<contract>")
    def put_option(contract: str) -> Json:
        broker.options.put(contract, **changes(OptionPrice))
        view = broker.options.view(contract)
        return wire_options.snapshot(view) if view else {}


def _snapshot(symbol: str, view: View) -> Json:
    return wire_crypto.snapshot(view) if is_crypto(symbol) else wire_data.snapshot(view)
