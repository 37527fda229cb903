"""Alpaca's stream of order updates (docs/broker.md, Streams): one connection, kept up until closed.

Its frames hold one JSON object each; a paper account's are binary.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from websockets.sync.client import ClientConnection

from common.bounds import Instant, WireText
from common.errors import (
    BrokerRefusedError,
    MalformedMessageError,
    OutcomeUnknownError,
    TransientError,
)
from common.model import TolerantModel, parse_json
from common.orders.broker_order import BrokerOrder
from infra.alpaca.orders import read_order
from infra.alpaca.responses import parse
from infra.alpaca.stream.connection import OPEN_SECONDS, StreamConnection
from infra.runtime.http_errors import Secret, reveal

log = logging.getLogger(__name__)

_UPDATES = "trade_updates"
_UNAUTHORIZED = 401

Message = Mapping[str, Any]


@dataclass(frozen=True)
class OrderUpdate:
    """An order as a change left it; each change has an id of its own, where the broker names it."""

    order: BrokerOrder
    execution_id: str | None
    at: datetime | None


class OrderListener(Protocol):
    """Who hears what the stream brings; called by the thread that runs it."""

    def listening(self) -> None:
        """Hear that every update comes from now on: what came before is read by REST."""

    def updated(self, update: OrderUpdate) -> None:
        """Take an update."""

    def missed(self) -> None:
        """Hear that an update came which cannot be read."""

    def interrupted(self, reason: str) -> None:
        """Hear that the connection broke; nothing comes until `listening`."""


class OrderStream:
    """Listens to the updates of all orders of the account, over reconnections."""

    def __init__(
        self,
        url: str,
        key_id: Secret,
        secret_key: Secret,
        listener: OrderListener,
        *,
        first_pause: float = 0.5,
    ) -> None:
        """Take the endpoint (`wss://.../stream`), and the seconds of the first pause."""
        self._key_id, self._secret_key, self._listener = key_id, secret_key, listener
        self._connection = StreamConnection(url, listener.interrupted, first_pause)

    def run(self) -> None:
        """Stay connected until `close`; raises BrokerRefusedError when the keys are wrong."""
        self._connection.run(self._converse)

    def close(self) -> None:
        """End `run`, in any thread."""
        self._connection.close()

    def _converse(self, socket: ClientConnection) -> None:
        keys = {"key": reveal(self._key_id), "secret": reveal(self._secret_key)}
        if self._ask(socket, {"action": "auth", **keys}, "authorization") != "authorized":
            raise BrokerRefusedError(_UNAUTHORIZED, "the stream of order updates refuses the keys")
        self._ask(socket, {"action": "listen", "data": {"streams": [_UPDATES]}}, "listening")
        self._listener.listening()
        for frame in socket:
            self._take(_message(frame))

    def _ask(self, socket: ClientConnection, message: Message, stream: str) -> Any:
        """Send a message; return the status of the reply, which has a stream of its own."""
        socket.send(json.dumps(message))
        while (reply := _message(socket.recv(OPEN_SECONDS))).get("stream") != stream:
            self._take(reply)
        data = reply.get("data")
        return data.get("status") if isinstance(data, dict) else None

    def _take(self, message: Message) -> None:
        if message.get("action") == "error":
            raise TransientError(f"the stream answered {message.get('data')}")
        if message.get("stream") != _UPDATES:
            return
        self._connection.works()
        try:
            update = _update(message.get("data"))
        except (MalformedMessageError, OutcomeUnknownError) as error:
            log.warning("an order update cannot be read: %s", error)
            self._listener.missed()
        else:
            self._listener.updated(update)


class _Change(TolerantModel):
    """What an update tells beside the order; kinds of events come to be without notice."""

    execution_id: WireText | None = None
    timestamp: Instant | None = None


def _update(data: Any) -> OrderUpdate:
    change = parse(_Change, data)
    return OrderUpdate(read_order(data.get("order")), change.execution_id, change.timestamp)


def _message(frame: str | bytes) -> Message:
    """Return the object of a frame; raises MalformedMessageError."""
    found = parse_json(frame if isinstance(frame, bytes) else frame.encode())
    if not isinstance(found, dict):
        raise MalformedMessageError("a frame is an object")
    return found
