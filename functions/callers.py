"""Who may ask, and how much: known before the database is touched."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv6Address, IPv6Network

import flask
from werkzeug.exceptions import TooManyRequests

from common.errors import InvalidSignatureError
from functions.wiring import Wiring


@contextmanager
def rate_limited(app: Wiring, caller: str) -> Iterator[None]:
    """Serve a caller within their share; raises TooManyRequests, which says when to come again."""
    wait = app.callers.enter(caller, time.monotonic())
    if wait:
        message = "too many requests: come again later"
        raise TooManyRequests(message, retry_after=math.ceil(wait))
    try:
        yield
    finally:
        app.callers.leave(caller)


@contextmanager
def limit_unauthenticated(app: Wiring, request: flask.Request) -> Iterator[None]:
    """Count failed authentications by address: past their share they get 429 and when to retry.

    Who is authenticated is never counted by address: behind one address there may be many users.
    """
    try:
        yield
    except InvalidSignatureError:
        with rate_limited(app, f"address {address(request)}"):
            raise


def address(request: flask.Request) -> str:
    """Return where a request comes from: what the front end adds last, and the caller cannot.

    Whoever has one address of IPv6 has the 2 ** 64 around it, too: they are one.
    """
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    text = (forwarded or request.remote_addr or "")[:64]
    with suppress(ValueError):
        given = IPv6Address(text)
        return str(given.ipv4_mapped or IPv6Network((given, 64), strict=False))
    return text
