"""What all entry points share: requests and events in, replies and acknowledgements out.

Errors decide what happens next, by one table (style: errors say whether to retry). An event that no
retry can help is kept in the dead-letter table and acknowledged; any other error is raised, so that
Pub/Sub delivers the event again.
"""

import base64
import functools
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import flask
from cloudevents.http import CloudEvent
from werkzeug.datastructures import Headers

from common.errors import (
    InvalidSignatureError,
    MalformedMessageError,
    OutcomeUnknownError,
    PermanentError,
    TradingError,
    TransientError,
)
from common.messages import Message
from functions import wiring
from infra.postgres.messages import dead_letters
from infra.postgres.messages.dead_letters import DeadLetter
from infra.runtime import log_context, redaction
from infra.runtime.settings import SettingsError

log = logging.getLogger(__name__)

Reply = tuple[dict[str, Any], int] | tuple[dict[str, Any], int, dict[str, str]]
HttpHandler = Callable[[flask.Request], Reply]
_Message = TypeVar("_Message", bound=Message)

# The first kind that fits decides.
_STATUS: tuple[tuple[type[TradingError], str, int], ...] = (
    (InvalidSignatureError, "invalid_signature", 401),
    (MalformedMessageError, "malformed", 422),
    (PermanentError, "refused", 400),
    (TransientError, "try_again", 503),
    (OutcomeUnknownError, "outcome_unknown", 500),
    (SettingsError, "misconfigured", 500),
)


@dataclass(frozen=True)
class _Received:
    """A message as it came in."""

    message_id: str
    ordering_key: str
    payload: bytes


def error(code: str, message: str, status: int) -> tuple[dict[str, Any], int]:
    """Say what went wrong: a stable code for programs, a sentence for people."""
    return {"error": {"code": code, "message": message}}, status


def http_errors(handler: HttpHandler) -> HttpHandler:
    """Turn our errors into statuses; anything else is a bug and stays a 500."""

    @functools.wraps(handler)
    def reply(request: flask.Request) -> Reply:
        with _traced(request.headers):
            try:
                return handler(request)
            except TradingError as raised:
                log.warning("%s: %s", handler.__name__, raised)
                code, status = next((c, s) for kind, c, s in _STATUS if isinstance(raised, kind))
                return error(code, redaction.clean(str(raised)), status)

    return reply


def pubsub_handler(
    kind: type[_Message],
) -> Callable[[Callable[[_Message], None]], Callable[[CloudEvent], None]]:
    """Unwrap an event into a message of `kind`; keep what no retry can help."""

    def decorate(handler: Callable[[_Message], None]) -> Callable[[CloudEvent], None]:
        @functools.wraps(handler)
        def receive(event: CloudEvent) -> None:
            received = _unwrap(event)
            with _traced(flask.request.headers):
                try:
                    handler(kind.from_json(received.payload))
                except PermanentError as raised:
                    _keep(handler.__name__, kind.topic, received, raised)

        return receive

    return decorate


def _traced(headers: Headers) -> AbstractContextManager[None]:
    """Say in every log line which request it belongs to."""
    given = (headers.get("traceparent", ""), headers.get("X-Cloud-Trace-Context", ""))
    return log_context.bound(**log_context.trace(*given))


def _unwrap(event: CloudEvent) -> _Received:
    """Unwrap the Pub/Sub message inside an event or a push envelope; our own id stands first."""
    try:
        message = event.data["message"]
        ids = {"message_id": message.get("messageId", event["id"])}
        ids |= message.get("attributes") or {}
        return _Received(
            str(ids["message_id"]),
            str(message.get("orderingKey", "")),
            base64.b64decode(message["data"]),
        )
    except (TypeError, KeyError, ValueError):
        # Not a Pub/Sub message: handed on as it is, to be refused by name and kept.
        return _Received(str(event["id"]), "", repr(event.data).encode())


def _keep(consumer: str, topic: str, received: _Received, raised: PermanentError) -> None:
    log.error(
        "%s gave up message %s: %s",
        consumer,
        received.message_id,
        raised,
        extra={"event": "dead_letter_kept", "consumer": consumer},
    )
    letter = DeadLetter(
        consumer=consumer,
        topic=topic,
        message_id=received.message_id,
        ordering_key=received.ordering_key,
        payload=received.payload.decode(errors="replace"),
        error=str(raised),
    )
    app = wiring.current()
    with app.database.transaction() as tx:
        dead_letters.keep(tx, letter, app.clock.now())
