"""Alpaca's stream of stock data (docs/broker.md, Streams): one connection, kept up until closed.

It speaks JSON, whose numbers are exact; msgpack's are binary fractions.
"""

import json
import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection

from common.errors import BrokerRefusedError, MalformedMessageError, TransientError
from common.model import parse_json
from infra.alpaca.stream.connection import OPEN_SECONDS, StreamConnection
from infra.alpaca.stream.subscriptions import Subscriptions
from infra.runtime.http_errors import Secret, reveal

log = logging.getLogger(__name__)

Event = Mapping[str, Any]

# Wrong keys, a feed that the plan lacks, an action it does not allow: trying again cannot help.
_FATAL = frozenset({402, 409, 410, 411})
_CONNECTION_LIMIT = 406
_REFUSED_SYMBOLS = frozenset({400, 405})
_ATTEMPTS = 15  # to authenticate on one socket, while an earlier session is not freed yet


class StreamListener(Protocol):
    """Who hears what a stream brings; called by the thread that runs it."""

    def received(self, events: Sequence[Event]) -> None:
        """Take trades, quotes and bars, in the order in which they came."""

    def subscribed(self, symbols: Collection[str]) -> None:
        """Hear that these are followed from now on: what came before is read by REST."""

    def interrupted(self, reason: str) -> None:
        """Hear that the connection broke; nothing comes until it is subscribed again."""


class StockStream:
    """Follows the stocks it is told to, over reconnections; safe to use from several threads."""

    def __init__(
        self,
        url: str,
        key_id: Secret,
        secret_key: Secret,
        listener: StreamListener,
        *,
        channels: Sequence[str] = ("trades", "quotes", "bars", "updatedBars", "dailyBars"),
        first_pause: float = 0.5,
    ) -> None:
        """Take the endpoint (`wss://.../v2/iex`), and the seconds of the first pause."""
        self._key_id, self._secret_key = key_id, secret_key
        self._listener, self._channels = listener, channels
        self._connection = StreamConnection(url, listener.interrupted, first_pause)
        self._subscriptions = Subscriptions()
        self._lock = threading.Lock()
        self._socket: ClientConnection | None = None  # while it is authenticated

    def follow(self, symbols: Collection[str]) -> None:
        """Follow these stocks and no others, without reconnecting."""
        with self._lock, suppress(WebSocketException, OSError):  # `run` asks again, reconnected
            self._subscriptions.want(symbols)
            self._send_next_change()

    @property
    def refused(self) -> Mapping[str, str]:
        """The stocks that the broker will not stream, each with its words."""
        with self._lock:
            return dict(self._subscriptions.refused)

    def run(self) -> None:
        """Stay connected until `close`; raises BrokerRefusedError where that cannot be."""
        self._connection.run(self._converse)

    def close(self) -> None:
        """End `run`, in any thread."""
        self._connection.close()

    def _converse(self, socket: ClientConnection) -> None:
        self._expect(_one(socket.recv(OPEN_SECONDS)), "connected")
        self._authenticate(socket)
        with self._lock:
            self._socket = socket
            self._subscriptions.begin()
            self._send_next_change()
        try:
            for frame in socket:
                self._take(_messages(frame))
        finally:
            with self._lock:
                self._socket = None

    def _authenticate(self, socket: ClientConnection) -> None:
        """Send the keys of this moment; again while an earlier connection is not freed yet."""
        for attempt in range(_ATTEMPTS):
            keys = {"key": reveal(self._key_id), "secret": reveal(self._secret_key)}
            _send(socket, {"action": "auth", **keys})
            reply = _one(socket.recv(OPEN_SECONDS))
            if reply.get("code") != _CONNECTION_LIMIT:
                self._expect(reply, "authenticated")
                return
            log.info("another connection streams", extra={"event": "stream_taken"})
            if self._connection.wait(attempt):
                break
        raise TransientError("the broker has another connection of this account")

    def _expect(self, reply: Event, success: str) -> None:
        if reply.get("T") == "error":
            raise _refusal(reply)
        if reply.get("msg") != success:
            raise TransientError(f"the broker did not say {success!r}")

    def _take(self, messages: Sequence[Event]) -> None:
        events = []
        for message in messages:
            kind = message.get("T")
            if kind == "subscription":
                self._subscribed(message)
            elif kind == "error":
                self._refused(message)
            elif kind != "success":
                events.append(message)
        if events:
            self._connection.works()
            self._listener.received(events)

    def _subscribed(self, message: Event) -> None:
        with self._lock:
            new = self._subscriptions.confirmed(message.get(self._channels[0]) or ())
            self._send_next_change()
        if new:
            self._listener.subscribed(new)

    def _refused(self, message: Event) -> None:
        error = _refusal(message)
        if not isinstance(error, BrokerRefusedError) or error.status not in _REFUSED_SYMBOLS:
            raise error
        with self._lock:
            # A full plan has no room for any other symbol either.
            self._subscriptions.declined(error.message, for_all=error.status != 400)  # noqa: PLR2004
            self._send_next_change()

    def _send_next_change(self) -> None:
        """Ask for one change; its reply asks for the next."""
        if self._socket and (change := self._subscriptions.next_change()):
            action, symbols = change
            _send(self._socket, {"action": action, **dict.fromkeys(self._channels, symbols)})


def _refusal(message: Event) -> Exception:
    """Return what an error means: for ever, of some symbols, or for now."""
    code, words = message.get("code"), str(message.get("msg"))
    if isinstance(code, int) and code in _FATAL | _REFUSED_SYMBOLS:
        return BrokerRefusedError(code, words, None)
    return TransientError(f"the stream answered {code}: {words}")


def _send(socket: ClientConnection, message: Event) -> None:
    socket.send(json.dumps(message))


def _one(frame: str | bytes) -> Event:
    messages = _messages(frame)
    if len(messages) != 1:
        raise MalformedMessageError("a reply is an array of one")
    return messages[0]


def _messages(frame: str | bytes) -> Sequence[Event]:
    """Return the objects of a frame; raises MalformedMessageError."""
    found = parse_json(frame if isinstance(frame, bytes) else frame.encode())
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise MalformedMessageError("a frame is an array of objects")
    return found
