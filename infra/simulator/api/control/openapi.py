"""The control routes as an OpenAPI document: `GET /sim/openapi.json`."""

import re
from typing import Any

import flask

from common.model import Model
from infra.simulator.api.control.control_script import Json, control_routes
from infra.simulator.api.control.documents import (
    AssetChange,
    ClockChange,
    End,
    FaultRequest,
    OptionPrice,
    Reset,
    Split,
    StockPrice,
    SwitchChange,
)
from infra.simulator.state import BrokerState

# What each route does, and what it takes.
OPERATIONS: dict[tuple[str, str], tuple[str, type[Model] | None]] = {
    ("GET", "/sim/clock"): ("Read the time, its speed and the session.", None),
    ("PUT", "/sim/clock"): (
        "Set the time (forward only), let some pass, or run it at a speed; 0 stops it.",
        ClockChange,
    ),
    ("GET", "/sim/market"): ("Read what is known of each stock and pair.", None),
    ("PUT", "/sim/market/{symbol}"): ("Put a trade and a quote on the tape.", StockPrice),
    ("POST", "/sim/splits/{symbol}"): ("Announce a split for the next day.", Split),
    ("GET", "/sim/options"): ("Read what is known of each contract.", None),
    ("PUT", "/sim/options/{contract}"): ("Quote an option contract.", OptionPrice),
    ("PUT", "/sim/assets/{symbol}"): ("Change fields of an asset.", AssetChange),
    ("GET", "/sim/orders"): ("List every order ever placed, oldest first.", None),
    ("POST", "/sim/orders/{client_order_id}/end"): (
        "Let the broker end an open order of its own accord.",
        End,
    ),
    ("GET", "/sim/ledger"): (
        "Read cash, positions, orders and fills, and what does not fit together among them.",
        None,
    ),
    ("GET", "/sim/faults"): ("List the faults that wait, and count those that struck.", None),
    ("POST", "/sim/faults"): ("Inject a fault into requests or orders to come.", FaultRequest),
    ("DELETE", "/sim/faults"): ("Forget faults and counts.", None),
    ("DELETE", "/sim/faults/waiting"): ("Forget the faults that wait.", None),
    ("GET", "/sim/switches"): ("Read how the broker behaves where real ones differ.", None),
    ("PATCH", "/sim/switches"): ("Change how the broker behaves.", SwitchChange),
    ("POST", "/sim/reset"): ("Begin anew: empty ledger, no faults, recorded prices only.", Reset),
    ("GET", "/sim/openapi.json"): ("Read this document.", None),
}
_REF = "#/components/schemas/{model}"
_MISTAKE = {"description": "A mistake in the request; `message` names it."}


def blueprint(broker: BrokerState) -> flask.Blueprint:  # noqa: ARG001 (as every API's)
    """Return the route of the document."""
    routes = control_routes("control_openapi")

    @routes.get("/openapi.json")
    def openapi() -> Json:
        return document()

    return routes


def document() -> Json:
    """Return the OpenAPI document."""
    paths: dict[str, Json] = {}
    for (method, path), (summary, body) in OPERATIONS.items():
        paths.setdefault(path, {})[method.lower()] = _operation(path, summary, body)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The simulator's own routes",
            "version": "1",
            "description": "For scripts, beside the broker's protocol: no credentials, no faults.",
        },
        "paths": paths,
        "components": {"schemas": _schemas()},
    }


def _operation(path: str, summary: str, body: type[Model] | None) -> Json:
    operation: Json = {
        "summary": summary,
        "responses": {"200": {"description": "How it is now."}, "400": _MISTAKE},
    }
    if names := re.findall(r"{(\w+)}", path):
        text = {"type": "string"}
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": text} for name in names
        ]
    if body is not None:
        schema = {"$ref": _REF.format(model=body.__name__)}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation


def _schemas() -> Json:
    schemas: dict[str, Any] = {}
    for _, body in OPERATIONS.values():
        if body is not None:
            schema = body.model_json_schema(ref_template=_REF)
            schemas |= schema.pop("$defs", {})
            schemas[body.__name__] = schema
    return schemas
