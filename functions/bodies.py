"""The body of a request, read before anything else is done: bounded in size and in time."""

import io
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import flask
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    RequestEntityTooLarge,
    RequestTimeout,
)

from common.bounds import LARGEST_BODY
from functions.callers import address
from infra.runtime.rate_limiter import RateLimiter

log = logging.getLogger(__name__)

_CHUNK = 64 * 1024
_LARGEST_LEFTOVER = 64 * 1024 * 1024

# Who sends a body slowly keeps a thread from the others. One that is not here at once is waited for
# if its address has few such, and not for long.
_AT_ONCE_SECONDS = 1.0
_PATIENCE_SECONDS = 5.0
_slow_bodies = RateLimiter(per_minute=60, at_once=3, wait_seconds=0.001)


def bound_body(request: flask.Request) -> None:
    """Read the body as far as it may go; raises HTTPException.

    The framework reads every body to its end, whatever was answered. So what is too much is read
    here and forgotten chunk by chunk, and nothing is left for the framework to collect.
    """
    stream, request.stream = request.stream, io.BytesIO()
    body = b""
    with _bound_time(request) as late:
        try:
            body = _read(stream)
        except HTTPException:
            raise
        except Exception as error:  # the server's, which cannot tell where the body ends
            if not late.is_set():
                log.warning("a body cannot be read: %s", type(error).__name__)
                raise BadRequest("the body cannot be read") from error
    # A worker that is busy reads late what came in time.
    if late.is_set() and len(body) < (request.content_length or 1):
        _take_no_request_after(request)
        raise RequestTimeout("the body took too long")
    request.stream = io.BytesIO(body)


def _read(stream: IO[bytes]) -> bytes:
    body = bytearray()
    while len(body) <= LARGEST_BODY and (chunk := stream.read(_CHUNK)):
        body += chunk
    if len(body) <= LARGEST_BODY:
        return bytes(body)
    left = _LARGEST_LEFTOVER
    while left > 0 and (chunk := stream.read(_CHUNK)):
        left -= len(chunk)
    raise RequestEntityTooLarge(f"the body may have {LARGEST_BODY} bytes")


@contextmanager
def _bound_time(request: flask.Request) -> Iterator[threading.Event]:
    """End the body of a request whose time is up; the event says that it was."""
    here, late = threading.Event(), threading.Event()
    caller = address(request)

    def watch() -> None:
        if not (here.wait(_AT_ONCE_SECONDS) or _arrives(here, caller)):
            late.set()
            _hang_up(request)

    sends_one = request.content_length or "Transfer-Encoding" in request.headers
    if sends_one and _connection(request):
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield late
    finally:
        here.set()


def _arrives(here: threading.Event, caller: str) -> bool:
    """Wait for a slow body, if the caller may have one more."""
    if _slow_bodies.enter(caller, time.monotonic()):
        return False
    try:
        return here.wait(_PATIENCE_SECONDS)
    finally:
        _slow_bodies.leave(caller)


def _connection(request: flask.Request) -> socket.socket | None:
    """Return what the request comes over, as the deployed server tells."""
    connection: socket.socket | None = request.environ.get("gunicorn.socket")
    return connection


def _hang_up(request: flask.Request) -> None:
    """Wake who waits for the rest of the body. What comes later can still be read."""
    if connection := _connection(request):
        with suppress(OSError):  # the caller was faster
            connection.shutdown(socket.SHUT_RD)


def _take_no_request_after(request: flask.Request) -> None:
    """Have the server end the connection with its answer: what comes next is of this body."""
    if _connection(request):
        # gunicorn's own mark of a body that it could not read to its end.
        request.environ["wsgi.input"].failed = True
