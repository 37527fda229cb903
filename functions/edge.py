"""What all entry points share: bounded requests in, replies and errors out, as JSON.

Errors decide what happens next, by one table (errors say whether to retry). A 5xx makes
Pub/Sub, Cloud Scheduler and the app backend send again; a fault of ours is never the caller's.
"""

import functools
import logging
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any

import flask
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from common.errors import (
    InvalidSignatureError,
    MalformedMessageError,
    OutcomeUnknownError,
    PermanentError,
    TradingError,
    TransientError,
)
from functions.bodies import bound_body
from infra.postgres.user_transaction import ForeignRowError
from infra.runtime import log_context, redaction
from infra.runtime.settings import SettingsError

log = logging.getLogger(__name__)

Reply = tuple[dict[str, Any], int] | tuple[dict[str, Any], int, dict[str, str]]
HttpHandler = Callable[[flask.Request], Reply]

# The first kind that fits decides.
_STATUS: tuple[tuple[type[TradingError], str, int], ...] = (
    (InvalidSignatureError, "invalid_signature", 401),
    (MalformedMessageError, "malformed", 422),
    (PermanentError, "refused", 400),
    (TransientError, "try_again", 503),
    (OutcomeUnknownError, "outcome_unknown", 500),
    (SettingsError, "misconfigured", 500),
)


def error(code: str, message: str, status: int) -> tuple[dict[str, Any], int]:
    """Say what went wrong: a stable code for programs, a sentence for people."""
    return {"error": {"code": code, "message": message}}, status


def http_errors(handler: HttpHandler) -> HttpHandler:
    """Bound the body before the handler runs, and turn what it raises into a JSON reply."""

    @functools.wraps(handler)
    def reply(request: flask.Request) -> Reply:
        with _traced(request.headers):
            try:
                bound_body(request)
                return handler(request)
            except HTTPException as raised:
                return _refused(raised)
            except TradingError as raised:
                return _failed(handler.__name__, raised)
            except ForeignRowError:
                return _end_of_instance()
            except Exception:
                log.exception("%s failed", handler.__name__)
                return error("internal", "an unexpected error: it has been logged", 500)

    return reply


def post_only(handler: HttpHandler) -> HttpHandler:
    """Let only POST through; raises MethodNotAllowed."""

    @functools.wraps(handler)
    def reply(request: flask.Request) -> Reply:
        if request.method != "POST":
            raise MethodNotAllowed(["POST"])
        return handler(request)

    return reply


def _failed(name: str, raised: TradingError) -> Reply:
    """Answer with the status of the error's kind; what a person must mend is logged as an error."""
    level = logging.ERROR if isinstance(raised, SettingsError) else logging.WARNING
    log.log(level, "%s: %s", name, raised)
    code, status = next((c, s) for kind, c, s in _STATUS if isinstance(raised, kind))
    body, status = error(code, redaction.clean(str(raised)), status)
    if isinstance(raised, MalformedMessageError):
        body["error"]["problems"] = [problem(each) for each in raised.problems]
    return body, status


def _end_of_instance() -> Reply:
    """Answer 500 and end this process: what mixed users up once is not trusted with another call.

    The server that started it starts a fresh one.
    """
    log.critical(
        "a row of another user's was read: this instance ends", extra={"event": "foreign_row_read"}
    )
    flask.after_this_request(_end_after)
    return error("internal", "an unexpected error: it has been logged", 500)


def _end_after(response: flask.Response) -> flask.Response:
    response.call_on_close(end_process)
    return response


def end_process() -> None:
    """Ask this process to end as its server would ask it."""
    os.kill(os.getpid(), signal.SIGTERM)


def problem(text: str) -> dict[str, str]:
    """Take `path: what is wrong` apart."""
    path, separator, message = text.partition(": ")
    return {"path": path, "message": message} if separator else {"path": "", "message": text}


def _refused(raised: HTTPException) -> Reply:
    """Say in JSON what werkzeug says in HTML, with its headers (Allow, WWW-Authenticate)."""
    status = raised.code or HTTPStatus.INTERNAL_SERVER_ERROR
    code = raised.name.lower().replace(" ", "_")
    body, status = error(code, raised.description or raised.name, status)
    headers = {k: v for k, v in raised.get_headers() if k.lower() != "content-type"}
    return body, status, headers


def _traced(headers: Headers) -> AbstractContextManager[None]:
    """Say in every log line which request it belongs to."""
    given = (headers.get("traceparent", ""), headers.get("X-Cloud-Trace-Context", ""))
    return log_context.bound(**log_context.trace(*given))
