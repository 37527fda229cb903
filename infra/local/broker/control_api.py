"""The simulator's own routes, for scripts: no credentials, no faults, JSON in and out.

GET    /sim/clock            {"now", "speed", "is_open", "session": {"open", "close"} or null}
PUT    /sim/clock            one of {"now": TIME}, {"advance_seconds": N}, {"speed": N}; speed 0
                             stops the clock, and "now" only goes forward (reset goes back)
GET    /sim/market           {SYMBOL: SNAP or null}, as in the data API
PUT    /sim/market/SYMBOL    {"last", ["prev_close", "bid", "ask", "bid_size", "ask_size", "volume",
                             "at": TIME, "live": bool]}; see Market.set_price
GET    /sim/orders           every order ever placed, oldest first, as in the trading API
GET    /sim/book             {"cash", "equity", "positions": {SYMBOL: QTY}, "orders", "fills"}
GET    /sim/faults           {"waiting": [...], "injected": {KIND: COUNT}}
POST   /sim/faults           {"kind", ["times", "method", "path", ...parameters]}; see faults.py
DELETE /sim/faults           forget faults and counts
GET    /sim/switches         the switches of switches.py
PATCH  /sim/switches         change some of them
PUT    /sim/assets/SYMBOL    change fields of an asset, e.g. {"tradable": false}
POST   /sim/reset            {["now": TIME]}; empty books, no faults, only recorded prices

TIME is RFC 3339. Prices are numbers or text, both exact. A mistake is answered 400 with "message".
Looking (GET) lets no order be worked; setting the clock or a price does.
"""

from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import flask
from flask.typing import ResponseReturnValue

from infra.local.broker import wire_data, wire_orders
from infra.local.broker.errors import bad_data_request
from infra.local.broker.faults import KINDS
from infra.local.broker.instants import parse, to_datetime
from infra.local.broker.texts import money

if TYPE_CHECKING:
    from infra.local.broker.broker import SimulatedBroker

Json = dict[str, Any]


def blueprint(broker: "SimulatedBroker") -> flask.Blueprint:
    """Return the routes under /sim."""
    routes = flask.Blueprint("control", __name__, url_prefix="/sim")
    _clock_routes(routes, broker)
    _market_routes(routes, broker)
    _book_routes(routes, broker)
    _fault_routes(routes, broker)
    # A wrong name or value in a script is the script's mistake, not the simulator's.
    for kind in (ValueError, TypeError, ArithmeticError):
        routes.register_error_handler(kind, _bad_script)
    return routes


def _clock_routes(routes: flask.Blueprint, broker: "SimulatedBroker") -> None:
    @routes.get("/clock")
    def clock() -> Json:
        now = broker.clock.now()
        session = broker.calendar.at(now)
        bounds = session and {"open": _text(session.open), "close": _text(session.close)}
        return {
            "now": _text(now),
            "speed": broker.clock.speed,
            "is_open": session is not None,
            "session": bounds,
        }

    @routes.put("/clock")
    def set_clock() -> Json:
        match _body():
            case {"now": str(now)}:
                broker.clock.set(_time(now))
            case {"advance_seconds": seconds}:
                broker.clock.advance(timedelta(seconds=float(seconds)))
            case {"speed": speed}:
                broker.clock.run(float(speed)) if speed else broker.clock.stop()
            case _:
                raise bad_data_request("give one of now, advance_seconds, speed")
        return clock()

    @routes.post("/reset")
    def reset() -> Json:
        now = _body().get("now")
        broker.reset(_time(now) if now else None)
        return clock()


def _market_routes(routes: flask.Blueprint, broker: "SimulatedBroker") -> None:
    @routes.get("/market")
    def market() -> Json:
        views = {symbol: broker.market.view(symbol) for symbol in broker.market.symbols()}
        return {symbol: view and wire_data.snapshot(view) for symbol, view in views.items()}

    @routes.put("/market/<symbol>")
    def set_price(symbol: str) -> Json:
        changes = _body()
        if "at" in changes:
            changes["at"] = _time(changes["at"])
        broker.market.set_price(symbol, changes.pop("last", 0), **changes)
        view = broker.market.view(symbol)
        return wire_data.snapshot(view) if view else {}

    @routes.put("/assets/<symbol>")
    def change_asset(symbol: str) -> Json:
        broker.assets.put(symbol, **_body())
        return asdict(broker.assets.get(symbol))  # type: ignore[arg-type]


def _book_routes(routes: flask.Blueprint, broker: "SimulatedBroker") -> None:
    @routes.get("/orders")
    def orders() -> ResponseReturnValue:
        return flask.jsonify([wire_orders.order(order) for order in broker.books.orders()])

    @routes.get("/book")
    def book() -> Json:
        return {
            "cash": money(broker.books.account().cash),
            "equity": money(broker.valuation.worth().equity),
            "positions": {p.symbol: money(p.qty) for p in broker.books.positions()},
            "orders": [wire_orders.order(order) for order in broker.books.orders()],
            "fills": [wire_orders.activity(fill) for fill in broker.books.fills()],
        }


def _fault_routes(routes: flask.Blueprint, broker: "SimulatedBroker") -> None:
    @routes.get("/faults")
    def faults() -> Json:
        counts = {kind: broker.faults.injected(kind) for kind in KINDS}
        return {"waiting": [asdict(f) for f in broker.faults.waiting()], "injected": counts}

    @routes.post("/faults")
    def add_fault() -> Json:
        wanted = _body()
        broker.faults.add(wanted.pop("kind", ""), **wanted)
        return faults()

    @routes.delete("/faults")
    def clear_faults() -> Json:
        broker.faults.clear()
        return faults()

    @routes.get("/switches")
    def switches() -> Json:
        return asdict(broker.switches)

    @routes.patch("/switches")
    def switch() -> Json:
        wanted = _body()
        if unknown := wanted.keys() - {field.name for field in fields(broker.switches)}:
            raise bad_data_request(f"unknown switch {', '.join(sorted(unknown))}")
        for name, value in wanted.items():
            setattr(broker.switches, name, value)
        return switches()


def _bad_script(error: Exception) -> ResponseReturnValue:
    return {"message": str(error)}, 400


def _body() -> Json:
    body = flask.request.get_json(force=True, silent=True)
    if body is None and not flask.request.get_data():
        return {}
    if not isinstance(body, dict):
        raise bad_data_request("the body must be a JSON object")
    return body


def _time(text: Any) -> datetime:
    return to_datetime(parse(str(text)))


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
