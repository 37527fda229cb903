"""Which web pages may call the account API from a browser: those of the allowed origins, or none.

A browser asks first (a preflight) and shows a page only replies that name its origin. Tokens travel
in a header and not in a cookie, so that the permission alone lets nobody in.
"""

import functools

import flask

from common.errors import TradingError
from functions import edge, wiring

_METHODS = "GET, PUT, POST, DELETE"
_HEADERS = "Authorization, Content-Type, If-Match, If-None-Match"
_SHOWN = "ETag, Retry-After"
_KEEP_SECONDS = "3600"


def cross_origin(handler: edge.HttpHandler) -> edge.HttpHandler:
    """Answer preflights of allowed origins, and name the origin in every reply to one."""

    @functools.wraps(handler)
    def reply(request: flask.Request) -> edge.Reply:
        origin = request.headers.get("Origin", "")
        if not origin or not _is_allowed(origin):
            return handler(request)
        allowed = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return {}, 204, allowed | _permissions()
        body, status, *headers = handler(request)
        return body, status, dict(*headers) | allowed | {"Access-Control-Expose-Headers": _SHOWN}

    return reply


def _permissions() -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": _HEADERS,
        "Access-Control-Max-Age": _KEEP_SECONDS,
    }


def _is_allowed(origin: str) -> bool:
    """Look the origin up in the settings; on a developer's machine every page may call."""
    try:
        settings = wiring.current().settings
    except TradingError:
        return False  # the handler says why
    if (
        settings.question_pipeline_test_mode or settings.broker_clock
    ) and not settings.allowed_origins:
        return True
    return origin in settings.allowed_origins.split(",")
