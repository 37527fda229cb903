"""Orders on the wire (docs/broker.md, Orders): place, look up, list, cancel."""

import uuid
from dataclasses import replace
from typing import Any

import flask
from flask.typing import ResponseReturnValue

from infra.simulator.api import failures
from infra.simulator.api.trading import wire_orders
from infra.simulator.api.trading.shown_orders import ShownOrders
from infra.simulator.errors import ApiError, bad_input, not_found, not_simulated, unprocessable
from infra.simulator.execution import order_request
from infra.simulator.ledger.orders import Order, Status
from infra.simulator.state import BrokerState

Json = dict[str, Any]


def blueprint(broker: BrokerState) -> flask.Blueprint:
    """Return the routes under /v2/orders."""
    routes = flask.Blueprint("orders", __name__, url_prefix="/v2")
    _lookups(routes, broker)

    @routes.post("/orders")
    def place() -> Json:
        return wire_orders.order(broker.order_validation.accept(order_request.parse(_body())))

    @routes.delete("/orders/<order_id>")
    def cancel(order_id: str) -> ResponseReturnValue:
        order = _known(broker, order_id)
        if race := _overtaken(broker, order):
            return race
        _cancel(broker, order)
        return "", 204

    @routes.delete("/orders")
    def cancel_all() -> ResponseReturnValue:
        orders = broker.ledger.open_orders()
        for order in orders:
            _cancel(broker, order)
        return flask.jsonify([{"id": order.id, "status": 200} for order in orders]), 207

    @routes.patch("/orders/<order_id>")
    def replaced(order_id: str) -> Json:
        raise not_simulated(f"replacing orders ({order_id})")

    return routes


def _lookups(routes: flask.Blueprint, broker: BrokerState) -> None:
    shown = ShownOrders(broker)

    @routes.get("/orders")
    def listed() -> ResponseReturnValue:
        chosen = shown.listed(flask.request.args)
        return flask.jsonify([wire_orders.order(order) for order in chosen])

    @routes.get("/orders/<order_id>")
    def by_id(order_id: str) -> Json:
        return wire_orders.order(shown.shown(_known(broker, order_id)))

    @routes.get("/orders:by_client_order_id")
    def by_client_order_id() -> Json:
        client_order_id = flask.request.args.get("client_order_id", "")
        if not client_order_id:
            raise bad_input("client_order_id is required")
        order = shown.found(client_order_id)
        if order is None:
            raise not_found(f"order not found for {client_order_id}")
        return wire_orders.order(order)


def _body() -> Json:
    body = flask.request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise ApiError(400, {"code": 40010000, "message": "request body format is invalid"})
    return body


def _known(broker: BrokerState, order_id: str) -> Order:
    try:
        canonical = str(uuid.UUID(order_id))
    except ValueError as error:
        raise bad_input("order_id is missing") from error
    order = broker.ledger.order(canonical)
    if order is None:
        raise not_found(f"order not found for {order_id}")
    return order


def _overtaken(broker: BrokerState, order: Order) -> ResponseReturnValue | None:
    """Let the order fill before its cancellation, if a fault wants it; return the answer then."""
    fault = flask.g.faults.get("cancel")
    if not (fault and fault.times and order.is_open and broker.matching.overtake(order)):
        return None
    broker.faults.hit(fault)
    if fault.parameters.get("answer", 204) == 204:  # noqa: PLR2004 (named by the protocol)
        return "", 204
    # Not raised: what a refused request changed is undone, and this fill is to stay.
    return failures.refusal(_too_late(Status.FILLED))


def _too_late(status: str) -> ApiError:
    return unprocessable(f'order is already in "{status}" state')


def _cancel(broker: BrokerState, order: Order) -> None:
    """Ask for the cancellation; it takes effect when the order is next worked."""
    if order.status in (Status.CANCELED, Status.PENDING_CANCEL):
        return  # asking again was no error on paper
    if not order.is_open:
        raise _too_late(order.status)
    at = broker.ledger.stamp(broker.clock.now_ns())
    broker.ledger.save(replace(order, status=Status.PENDING_CANCEL, updated_at=at))
