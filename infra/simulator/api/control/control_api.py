"""The simulator's own routes, for scripts: no credentials, no faults, JSON in and out.

GET    /sim/clock            {"now", "speed", "is_open", "session": {"open", "close"} or null}
PUT    /sim/clock            one of {"now": TIME}, {"advance_seconds": N}, {"speed": N}; speed 0
                             stops the clock, and "now" only goes forward (reset goes back) and
                             stands there; a clock that is advanced goes on at its speed
       /sim/market, /sim/options, /sim/assets: see control_market.py
GET    /sim/orders           every order ever placed, oldest first, as in the trading API
POST   /sim/orders/OURS/end  {["status"]}: the broker ends the order with the client's id OURS of
                             its own accord: canceled (default), expired or rejected
GET    /sim/ledger           {"cash", "equity", "positions": {SYMBOL: QTY}, "orders", "fills",
                             "problems": what does not fit together in the ledger, none as a rule}
GET    /sim/faults           {"waiting": [...], "injected": {KIND: COUNT}}
POST   /sim/faults           {"kind", ["times", "method", "path", ...parameters]}; see faults.py
DELETE /sim/faults           forget faults and counts
DELETE /sim/faults/waiting   forget the faults only: what is left of the orders goes well
GET    /sim/switches         the switches of switches.py
PATCH  /sim/switches         change some of them
POST   /sim/reset            {["now": TIME]}; empty ledger, no faults, only recorded prices

TIME is RFC 3339. Prices are numbers or text, both exact. A mistake is answered 400 with "message".
Looking (GET) lets no order be worked; setting the clock or a price does.
"""

from dataclasses import asdict
from datetime import datetime, timedelta

import flask
from flask.typing import ResponseReturnValue

from infra.simulator.api.control.control_script import Json, changes, control_routes, document
from infra.simulator.api.control.documents import (
    ClockChange,
    End,
    FaultRequest,
    Reset,
    SwitchChange,
)
from infra.simulator.api.trading import wire_orders
from infra.simulator.decimals import money
from infra.simulator.errors import bad_data_request
from infra.simulator.faults.fault_kinds import KINDS
from infra.simulator.ledger import audit
from infra.simulator.ledger.orders import Status
from infra.simulator.state import BrokerState


def blueprint(broker: BrokerState) -> flask.Blueprint:
    """Return the routes under /sim."""
    routes = control_routes("control")
    _clock_routes(routes, broker)
    _ledger_routes(routes, broker)
    _fault_routes(routes, broker)
    return routes


def _clock_routes(routes: flask.Blueprint, broker: BrokerState) -> None:
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
        match document(ClockChange):
            case ClockChange(now=datetime() as now):
                broker.clock.set(now)
            case ClockChange(advance_seconds=float(seconds)):
                broker.clock.skip(timedelta(seconds=seconds))
            case ClockChange(speed=speed):
                broker.clock.run(speed) if speed else broker.clock.stop()
        return clock()

    @routes.post("/reset")
    def reset() -> Json:
        broker.reset(document(Reset).now)
        return clock()


def _ledger_routes(routes: flask.Blueprint, broker: BrokerState) -> None:
    @routes.get("/orders")
    def orders() -> ResponseReturnValue:
        return flask.jsonify([wire_orders.order(order) for order in broker.ledger.orders()])

    @routes.post("/orders/<client_order_id>/end")
    def end_order(client_order_id: str) -> Json:
        order = broker.ledger.order_by_client_id(client_order_id)
        if order is None or not order.is_open:
            raise bad_data_request(f"no open order {client_order_id}")
        broker.matching.end(order, Status(document(End).status))
        return ledger()

    @routes.get("/ledger")
    def ledger() -> Json:
        return {
            "cash": money(broker.ledger.account().cash),
            "equity": money(broker.valuation.values().equity),
            "positions": {p.symbol: money(p.qty) for p in broker.ledger.positions()},
            "orders": [wire_orders.order(order) for order in broker.ledger.orders()],
            "fills": [wire_orders.activity(fill) for fill in broker.ledger.fills()],
            "problems": audit.problems(broker.ledger),
        }


def _fault_routes(routes: flask.Blueprint, broker: BrokerState) -> None:
    @routes.get("/faults")
    def faults() -> Json:
        counts = {kind: broker.faults.injected(kind) for kind in KINDS}
        return {
            "waiting": [fault.to_json() for fault in broker.faults.waiting()],
            "injected": counts,
        }

    @routes.post("/faults")
    def add_fault() -> Json:
        broker.faults.add(**changes(FaultRequest))
        return faults()

    @routes.delete("/faults")
    def clear_faults() -> Json:
        broker.faults.clear()
        return faults()

    @routes.delete("/faults/waiting")
    def stop_faults() -> Json:
        broker.faults.stop()
        return faults()

    @routes.get("/switches")
    def switches() -> Json:
        return asdict(broker.switches)

    @routes.patch("/switches")
    def switch() -> Json:
        for name, value in changes(SwitchChange).items():
            setattr(broker.switches, name, value)
        return switches()


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
