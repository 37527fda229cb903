"""The Flask application: what happens to every request, whatever it asks for."""

import json
import time
import uuid
from decimal import Decimal
from typing import Any

import flask
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
)

from common.bounds import LARGEST_BODY
from infra.simulator.api import failures
from infra.simulator.api.control import control_api, control_market, openapi
from infra.simulator.api.data import (
    corporate_actions_api,
    crypto_api,
    data_api,
    option_data_api,
)
from infra.simulator.api.trading import account_api, contracts_api, orders_api, reference_api
from infra.simulator.errors import ApiError, not_found
from infra.simulator.faults.fault import Fault
from infra.simulator.rate_limit import LIMIT
from infra.simulator.state import BrokerState

_CONTROL = "/sim"
_APIS = (
    *(data_api, crypto_api, option_data_api, corporate_actions_api),
    *(orders_api, account_api, reference_api, contracts_api),
    *(control_api, control_market, openapi),
)
# Crypto data needs no keys; wrong ones are refused all the same.
_OPEN_TO_ALL = "/v1beta3/crypto"


def create_app(broker: BrokerState) -> flask.Flask:
    """Build the application of one broker: both APIs and the control routes."""
    app = _BrokerApp(broker)
    for api in _APIS:
        app.register_blueprint(api.blueprint(broker))
    app.register_error_handler(ApiError, failures.refusal)
    app.register_error_handler(HTTPException, _http_error)
    app.after_request(_identified)
    return app


class _BrokerApp(flask.Flask):
    """Wraps each dispatch: credentials, budget, faults, and the lock of the broker."""

    def __init__(self, broker: BrokerState) -> None:
        super().__init__("broker", static_folder=None)
        self.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
        self.json = _ExactJSON(self)
        self.broker = broker

    def dispatch_request(self) -> ResponseReturnValue:
        """Answer the request, or fail as the faults in its way demand."""
        request = flask.request
        if request.path.startswith(_CONTROL):
            with self.broker.lock:
                return super().dispatch_request()
        if denied := _denied(self.broker):
            return denied
        _spend(self.broker)
        faults = self.broker.faults.take(request.method, request.path)
        flask.g.faults = faults
        if slow := faults.get("delay"):
            time.sleep(float(slow.parameters.get("delay", 0)))
        return self._reply(faults.get("reply"))

    def _reply(self, fault: Fault | None) -> ResponseReturnValue:
        if fault and fault.kind == "status":
            flask.g.rate = {}  # with or without rate headers is the fault's own choice
            return failures.answered(fault, flask.request.path, self.broker.rate.reset_at)
        if fault and fault.kind == "refuse_connection":
            return failures.hang_up(flask.request.environ)
        with self.broker.exclusive():
            reply = super().dispatch_request()
        # Only now, with everything committed: the order exists, but its sender never learns so.
        if fault and fault.kind == "accept_then_timeout":
            time.sleep(float(fault.parameters.get("delay", 0)))
            return failures.hang_up(flask.request.environ)
        if fault and fault.kind == "accept_then_504":
            return flask.Response(status=504)
        if fault and fault.kind == "accept_then_cut":
            return failures.cut(flask.make_response(reply))
        return reply


class _ExactJSON(DefaultJSONProvider):
    """Reads numbers as exact decimals and keeps the order of keys."""

    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON; 0.1 stays 0.1."""
        return json.loads(s, parse_float=Decimal, **kwargs)


def _denied(broker: BrokerState) -> flask.Response | None:
    """Return the 401 for missing or wrong keys (docs/broker.md, Requests and limits), or None."""
    headers, basic = flask.request.headers, flask.request.authorization
    given = (headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY"))
    if given == (None, None) and basic and basic.type == "basic":
        given = (basic.username, basic.password)
    if given == (None, None) and not basic:
        if flask.request.path.startswith(_OPEN_TO_ALL):
            return None
        return failures.missing_keys()
    if given != (broker.key_id, broker.secret_key):
        return failures.refusal(ApiError(401, {"message": "unauthorized."}))
    return None


def _spend(broker: BrokerState) -> None:
    """Count the request against its API's budget; refuse it when that is to be enforced."""
    path = flask.request.path
    left = broker.rate.spend("data" if failures.is_data(path) else "trading")
    flask.g.rate = failures.rate_headers(LIMIT, max(left, 0), broker.rate.reset_at)
    if left < 0 and broker.switches.enforce_rate_limits:
        raise ApiError(429, failures.documented(429, path))


def _identified(reply: flask.Response) -> flask.Response:
    """Add what every reply carries: a request id, and the budget of its API."""
    reply.headers["X-Request-ID"] = uuid.uuid4().hex
    if reply.status_code in (200, 400, 429):
        reply.headers.update(flask.g.get("rate", {}))
    return reply


def _http_error(error: HTTPException) -> flask.Response:
    if flask.request.path.startswith(_CONTROL):
        return failures.refusal(ApiError(error.code or 500, {"message": error.description}))
    if isinstance(error, (NotFound, MethodNotAllowed)):
        return failures.refusal(not_found("endpoint not found"))
    if isinstance(error, RequestEntityTooLarge):
        return failures.refusal(ApiError(413, {"message": error.description}))
    return failures.refusal(ApiError(500, failures.documented(500, flask.request.path)))
