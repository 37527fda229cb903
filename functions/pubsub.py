"""What the functions behind a topic share: a Pub/Sub push in, an acknowledgement out.

A message that no retry can help is kept in the dead-letter table and acknowledged; any other error
is a 5xx, so that Pub/Sub delivers the message again.
"""

import base64
import binascii
import functools
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import flask
from pydantic import AliasChoices, Field, ValidationError

from common.errors import MalformedMessageError, PermanentError
from common.messages import Message
from common.model import WireModel, parse_json, problems
from functions import edge, wiring
from infra.postgres.messages import dead_letters
from infra.postgres.messages.dead_letters import DeadLetter

log = logging.getLogger(__name__)

_Message = TypeVar("_Message", bound=Message)


@dataclass(frozen=True)
class ReceivedMessage:
    """A message as it came in."""

    message_id: str
    ordering_key: str
    payload: bytes


class _PubsubMessage(WireModel):
    """A pushed message (https://cloud.google.com/pubsub/docs/push#receive_push).

    Pub/Sub pushes the id in both spellings. A message may have attributes and no data.
    """

    data: str = ""
    attributes: Mapping[str, str] = Field(default_factory=dict)
    message_id: str = Field(validation_alias=AliasChoices("messageId", "message_id"))
    ordering_key: str = Field("", validation_alias=AliasChoices("orderingKey", "ordering_key"))


def pubsub_handler(
    kind: type[_Message],
) -> Callable[[Callable[[_Message], None]], edge.HttpHandler]:
    """Unwrap a push into a message of `kind`; keep what no retry can help."""

    def decorate(handler: Callable[[_Message], None]) -> edge.HttpHandler:
        @functools.wraps(handler)
        def receive(request: flask.Request) -> edge.Reply:
            body = request.get_data()
            received = ReceivedMessage(_name(request, body), "", body)
            try:
                received = unwrap(body)
                handler(kind.from_json(received.payload))
            except PermanentError as raised:
                _keep(handler.__name__, kind.topic, received, raised)
                return {"outcome": "kept"}, 200
            return {"outcome": "done"}, 200

        return edge.http_errors(edge.post_only(receive))

    return decorate


def unwrap(body: bytes) -> ReceivedMessage:
    """Read a push envelope, or a CloudEvent around one; our own message id stands first.

    A CloudEvent in binary mode has the same body; one in structured mode has it as its data.
    Raises MalformedMessageError.
    """
    document = parse_json(body)
    if isinstance(document, dict) and "message" not in document:
        document = document.get("data")
    if not isinstance(document, dict):
        raise MalformedMessageError("message: is missing: this is no push of Pub/Sub")
    try:
        message = _PubsubMessage.model_validate(document.get("message"))
        payload = base64.b64decode(message.data, validate=True)
    except ValidationError as error:
        raise MalformedMessageError(*problems(error, document.get("message"))) from error
    except binascii.Error as error:
        raise MalformedMessageError("message.data: must be base64") from error
    own_id = message.attributes.get("message_id", message.message_id)
    return ReceivedMessage(own_id, message.ordering_key, payload)


def _name(request: flask.Request, body: bytes) -> str:
    """Name what has no message id, the same for each delivery of it."""
    return request.headers.get("ce-id") or hashlib.sha256(body).hexdigest()[:32]


def _keep(consumer: str, topic: str, received: ReceivedMessage, raised: PermanentError) -> None:
    letter = DeadLetter(
        consumer=consumer,
        topic=topic,
        message_id=_storable(received.message_id),
        ordering_key=_storable(received.ordering_key),
        payload=_storable(received.payload.decode(errors="replace")),
        error=_storable(str(raised)),
    )
    log.error(
        "%s gave up message %s: %s",
        consumer,
        letter.message_id,
        letter.error,
        exc_info=raised,
        extra={"event": "dead_letter_kept", "consumer": consumer},
    )
    app = wiring.current()
    with app.database.transaction() as tx:
        dead_letters.keep(tx, letter, app.clock.now())


def _storable(text: str) -> str:
    """Replace what is text to Python but not to Postgres: NUL, and halves of a character."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")
