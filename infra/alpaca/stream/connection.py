"""A connection to a stream of the broker, made again whenever it breaks."""

import logging
import random
import threading
from collections.abc import Callable
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from common.errors import MalformedMessageError, TransientError

log = logging.getLogger(__name__)

OPEN_SECONDS = 10.0  # for the handshake, and for each reply that a conversation begins with
_LONGEST_PAUSE = 30.0

Conversation = Callable[[ClientConnection], None]
Interrupted = Callable[[str], Any]


def longest_pause(first: float, attempt: int) -> float:
    """Return how many seconds to wait at most: after each attempt twice as long, up to a bound."""
    return min(_LONGEST_PAUSE, first * 2.0 ** min(attempt, 10))


def pause(first: float, attempt: int) -> float:
    """Return how many seconds to wait: at least half of the longest, and no two alike."""
    return longest_pause(first, attempt) * random.uniform(0.5, 1)  # noqa: S311 (no secret)


class StreamConnection:
    """Connects again with growing pauses, of which no two clients make the same."""

    def __init__(self, url: str, interrupted: Interrupted, first_pause: float) -> None:
        """Take who hears why a connection broke, and the seconds of the first pause."""
        self._url, self._interrupted, self._first_pause = url, interrupted, first_pause
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._socket: ClientConnection | None = None
        self._failures = 0

    def run(self, converse: Conversation) -> None:
        """Hold the conversation on one connection after the other until `close`.

        What it raises for good, as BrokerRefusedError, is raised.
        """
        while not self._closing.is_set():
            try:
                self._connect(converse)
            except (WebSocketException, OSError, TransientError, MalformedMessageError) as error:
                if self._closing.is_set():
                    break
                reason = str(error) or type(error).__name__
                log.warning("stream interrupted: %s", reason, extra={"event": "stream_interrupted"})
                self._interrupted(reason)
                self.wait(self._failures)
                self._failures += 1

    def works(self) -> None:
        """Remember that something came: the next pause is the first again."""
        self._failures = 0

    def wait(self, attempt: int) -> bool:
        """Pause, longer after each attempt; return whether `close` was called."""
        return self._closing.wait(pause(self._first_pause, attempt))

    def close(self) -> None:
        """End `run`, in any thread."""
        self._closing.set()
        with self._lock:
            socket = self._socket
        if socket:
            socket.close()

    def _connect(self, converse: Conversation) -> None:
        # A pong that does not come ends the connection: the library sends pings by itself.
        with connect(self._url, open_timeout=OPEN_SECONDS) as socket:
            with self._lock:
                self._socket = socket
            try:
                if not self._closing.is_set():
                    converse(socket)
            finally:
                with self._lock:
                    self._socket = None
        if not self._closing.is_set():
            raise TransientError("the broker closed the stream")
