"""Alpaca's stream of stock data (docs/broker.md, Streams): one connection, kept up until closed.

It speaks JSON, whose numbers are exact; msgpack's are binary fractions.
"""

import json
import logging
import random
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from common.errors import BrokerRefusedError, MalformedMessageError, TransientError
from common.model import parse_json
from infra.alpaca.stream.subscriptions import Subscriptions
from infra.runtime.http_errors import Secret, reveal

log = logging.getLogger(__name__)

Event = Mapping[str, Any]

# Wrong keys, a feed that the plan lacks, an action it does not allow: trying again cannot help.
_FATAL = frozenset({402, 409, 410, 411})
_CONNECTION_LIMIT = 406
_REFUSED_SYMBOLS = frozenset({400, 405})
_ATTEMPTS = 15  # to authenticate on one socket, while an earlier session is not freed yet
_OPEN_SECONDS = 10.0
_LONGEST_PAUSE = 30.0


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
        self._url, self._key_id, self._secret_key = url, key_id, secret_key
        self._listener, self._channels, self._first_pause = listener, channels, first_pause
        self._subscriptions = Subscriptions()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._socket: ClientConnection | None = None  # while it is authenticated
        self._failures = 0

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
        while not self._closing.is_set():
            try:
                self._converse()
            except (WebSocketException, OSError, TransientError, MalformedMessageError) as error:
                self._interrupted(error)
                self._closing.wait(self._pause(self._failures))
                self._failures += 1

    def close(self) -> None:
        """End `run`, in any thread."""
        self._closing.set()
        with self._lock:
            socket = self._socket
        if socket:
            socket.close()

    def _converse(self) -> None:
        # A pong that does not come ends the connection: the library sends pings by itself.
        with connect(self._url, open_timeout=_OPEN_SECONDS) as socket:
            self._expect(_one(socket.recv(_OPEN_SECONDS)), "connected")
            self._authenticate(socket)
            with self._lock:
                self._socket = socket
                self._subscriptions.begin()
                self._send_next_change()
                if self._closing.is_set():
                    return
            try:
                for frame in socket:
                    self._take(_messages(frame))
            finally:
                with self._lock:
                    self._socket = None
        if not self._closing.is_set():
            raise TransientError("the broker closed the stream")

    def _authenticate(self, socket: ClientConnection) -> None:
        """Send the keys of this moment; again while an earlier connection is not freed yet."""
        for attempt in range(_ATTEMPTS):
            keys = {"key": reveal(self._key_id), "secret": reveal(self._secret_key)}
            _send(socket, {"action": "auth", **keys})
            reply = _one(socket.recv(_OPEN_SECONDS))
            if reply.get("code") != _CONNECTION_LIMIT:
                self._expect(reply, "authenticated")
                return
            log.info("another connection streams", extra={"event": "stream_taken"})
            if self._closing.wait(self._pause(attempt)):
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
            self._failures = 0
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

    def _interrupted(self, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        log.warning("stream interrupted: %s", reason, extra={"event": "stream_interrupted"})
        self._listener.interrupted(reason)

    def _pause(self, failures: int) -> float:
        """Return seconds: twice as many after each failure, and never the same for two clients."""
        longest = min(_LONGEST_PAUSE, self._first_pause * 2.0 ** min(failures, 10))
        return longest * random.uniform(0.5, 1)  # noqa: S311 (no secret)


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
