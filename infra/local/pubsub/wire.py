"""Pub/Sub on the wire: the body of a publish call, and the body of a push."""

import base64
import binascii
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from common.errors import MalformedMessageError
from infra.local.pubsub.store import Delivery, Draft

# Pub/Sub's own limits.
_Value = Annotated[str, Field(max_length=1024)]
_MAX_MESSAGES = 1000


class _PubsubMessage(BaseModel):
    """`PubsubMessage` of the REST API; null means the default, as in every Google API."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    data: str | None = None
    attributes: dict[str, _Value] | None = None
    ordering_key: _Value | None = None
    message_id: str | None = None  # these two are set by the service: accepted and ignored
    publish_time: str | None = None

    def draft(self) -> Draft:
        if not self.data and not self.attributes:
            raise MalformedMessageError("Some messages are empty")
        return Draft(_canonical(self.data or ""), self.attributes or {}, self.ordering_key or "")


class _PublishRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    messages: Annotated[list[_PubsubMessage], Field(max_length=_MAX_MESSAGES)] | None = None


def parse_publish(body: bytes) -> list[Draft]:
    """Read the body of `topics.publish`; MalformedMessageError for what Pub/Sub refuses too."""
    try:
        request = _PublishRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, first["loc"])) or "body"
        raise MalformedMessageError(f"Invalid value at '{path}': {first['msg']}") from error
    if not request.messages:
        raise MalformedMessageError("No messages to publish")
    return [message.draft() for message in request.messages]


def push(delivery: Delivery, project: str) -> bytes:
    """Write what Pub/Sub posts to a push subscription with a dead-letter policy.

    Both spellings of id and time are there, and what is empty is not
    (https://cloud.google.com/pubsub/docs/push#receive_push).
    """
    envelope = {
        "deliveryAttempt": delivery.attempts + 1,
        "message": _wire_message(delivery),
        "subscription": f"projects/{project}/subscriptions/{delivery.subscription}",
    }
    return json.dumps(envelope).encode()


def _wire_message(delivery: Delivery) -> dict[str, Any]:
    message = delivery.message
    written: dict[str, Any] = {
        "attributes": dict(message.attributes),
        "data": message.data,
        "messageId": message.message_id,
        "message_id": message.message_id,
        "orderingKey": message.ordering_key,
        "publishTime": message.publish_time,
        "publish_time": message.publish_time,
    }
    return {name: value for name, value in written.items() if value}


def _canonical(data: str) -> str:
    """Return standard base64 with padding; either alphabet, padded or not, comes in."""
    bare = data.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        plain = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedMessageError("Invalid value at 'data': not base64") from error
    return base64.b64encode(plain).decode()
