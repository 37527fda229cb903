"""The replies of a broker in trouble: documented bodies, and no reply at all."""

import json
import socket
from typing import Any

import flask

from infra.simulator.errors import ApiError
from infra.simulator.faults.fault import Fault

HTML_401 = (
    "<html>\r\n<head><title>401 Authorization Required</title></head>\r\n<body>\r\n"
    "<center><h1>401 Authorization Required</h1></center>\r\n</body>\r\n</html>\r\n"
)
_TRADING = {
    429: {"code": 42910000, "message": "rate limit exceeded"},
    500: {"code": 50010000, "message": "internal server error occurred"},
}
_DATA = {
    429: {"message": "too many requests."},
    500: {"message": "internal server error"},
}


def refusal(error: ApiError) -> flask.Response:
    """Return the reply to a refused request; a newline ends it, as on the wire."""
    body = json.dumps(error.body) + "\n"
    return flask.Response(body, error.status, mimetype="application/json")


def missing_keys() -> flask.Response:
    """Return the reply to a request without any credentials: HTML, not JSON."""
    return flask.Response(HTML_401, 401, mimetype="text/html")


def answered(fault: Fault, path: str, reset_at: int) -> flask.Response:
    """Return the reply that a `status` fault asks for."""
    status = fault.parameters["status"]
    body = fault.parameters.get("body", documented(status, path))
    is_html = fault.parameters.get("html") or body == HTML_401
    text = body if isinstance(body, str) else json.dumps(body)
    reply = flask.Response(text, status, mimetype="text/html" if is_html else "application/json")
    if fault.parameters.get("rate_headers"):
        reply.headers.update(rate_headers(200, 0, reset_at))
    reply.headers.update(fault.parameters.get("headers") or {})
    return reply


def documented(status: int, path: str) -> Any:
    """Return the body known for a status on the trading or the data API, else an empty one."""
    if status == 401:  # noqa: PLR2004 (named by the protocol)
        return HTML_401
    bodies = _DATA if is_data(path) else _TRADING
    return bodies.get(status, "")


def rate_headers(limit: int, remaining: int, reset_at: int) -> dict[str, str]:
    """Return the X-RateLimit-* headers; the reset is in unix seconds."""
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(reset_at),
    }


def is_data(path: str) -> bool:
    """Whether a path belongs to the data API; its limits are counted apart."""
    return path.startswith(("/v2/stocks", "/v1"))


def cut(reply: flask.Response) -> flask.Response:
    """Return the reply as the client gets it when the connection ends in its middle."""
    whole = reply.get_data()
    reply.set_data(whole[: len(whole) // 2])
    reply.content_length = len(whole)
    return reply


def hang_up(environ: dict[str, Any]) -> flask.Response:
    """Close the connection under the reply, so that the client never learns what happened."""
    connection = environ.get("werkzeug.socket")
    if not isinstance(connection, socket.socket):
        raise ConnectionResetError("the simulated broker hung up")
    connection.shutdown(socket.SHUT_RDWR)
    return flask.Response(status=504)
