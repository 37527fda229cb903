"""Publishes to Pub/Sub over its REST API, to Google or to an emulator.

One HTTP call publishes a batch. The REST API costs a fifth of the gRPC client's import and speaks
to Google, to the official emulator and to the local bus alike.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from common.errors import PermanentError, TradingError, TransientError
from infra.gcp.access_token import AccessToken
from infra.runtime.http_errors import TIMEOUT, transport_errors
from infra.runtime.tls import tls_context

_SCOPE = "https://www.googleapis.com/auth/pubsub"
_NOT_FOUND = 404
_RETRYABLE = frozenset({408, 429, 499})
# Said of what was sent: too large, an empty message, a key too long. A topic that is missing or
# closed to us (403, 404) is a person's to mend, and its messages can wait for that.
_REFUSES_MESSAGES = frozenset({400, 413})


class MessageRefusedError(PermanentError):
    """Pub/Sub will never take one of these messages."""


@dataclass(frozen=True)
class PubsubMessage:
    """One message: its bytes, the key that keeps its order, and what to deduplicate by."""

    data: bytes
    ordering_key: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    def to_wire(self) -> dict[str, object]:
        """Write a `PubsubMessage` of the REST API."""
        return {
            "data": base64.b64encode(self.data).decode(),
            "orderingKey": self.ordering_key,
            "attributes": dict(self.attributes),
        }


class PubsubPublisher:
    """Publishes to the topics of one project. Safe to share between threads."""

    def __init__(self, project: str, emulator_host: str = "") -> None:
        self._project = project
        self._emulated = bool(emulator_host)
        base_url = f"http://{emulator_host}" if emulator_host else "https://pubsub.googleapis.com"
        self._client = httpx.Client(verify=tls_context(), base_url=base_url, timeout=TIMEOUT)
        self._token = AccessToken("Pub/Sub", _SCOPE)

    def publish(self, topic: str, messages: Sequence[PubsubMessage]) -> None:
        """Publish all or raise; after a raise some may have been published (at least once)."""
        path = f"/v1/projects/{self._project}/topics/{topic}:publish"
        body = {"messages": [message.to_wire() for message in messages]}
        # A message that went out twice is dropped by its reader: a broken call is transient.
        with transport_errors("Pub/Sub", writes=False):
            response = self._client.post(path, json=body, headers=self._authorization())
        if response.is_success:
            return
        kind = _kind_of(response)
        raise kind(f"Pub/Sub answered {response.status_code} for topic {topic}")

    def has(self, topic: str) -> bool:
        """Return whether a topic exists; raises as `publish` does."""
        path = f"/v1/projects/{self._project}/topics/{topic}"
        with transport_errors("Pub/Sub", writes=False):
            response = self._client.get(path, headers=self._authorization())
        if response.status_code == _NOT_FOUND:
            return False
        if response.is_success:
            return True
        kind = TransientError if response.is_server_error else PermanentError
        raise kind(f"Pub/Sub answered {response.status_code} for topic {topic}")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _authorization(self) -> dict[str, str]:
        if self._emulated:
            return {}
        return self._token.header()


def _kind_of(response: httpx.Response) -> type[TradingError]:
    """Say what a refusal means for the messages that it refused."""
    if response.is_server_error or response.status_code in _RETRYABLE:
        return TransientError
    return MessageRefusedError if response.status_code in _REFUSES_MESSAGES else PermanentError
