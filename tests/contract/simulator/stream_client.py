"""A plain client of the simulator's streams, and the server it talks to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
from websockets.sync.client import ClientConnection, connect

AUTH = {"action": "auth", "key": "sim-key", "secret": "sim-secret"}
CONNECTED = [{"T": "success", "msg": "connected"}]
AUTHENTICATED = [{"T": "success", "msg": "authenticated"}]
PACKED = {"Content-Type": "application/msgpack"}
_PATIENCE = 60  # seconds until a message that does not come fails the test


class Client:
    """Sends and receives messages in JSON, or in msgpack when that is asked for."""

    def __init__(self, connection: ClientConnection, *, packed: bool) -> None:
        self.connection, self._packed = connection, packed

    def send(self, message: Any) -> None:
        self.connection.send(msgpack.packb(message) if self._packed else json.dumps(message))

    def receive(self) -> Any:
        frame = self.connection.recv(_PATIENCE)
        return msgpack.unpackb(frame) if self._packed else json.loads(frame)

    def ask(self, message: Any) -> Any:
        self.send(message)
        return self.receive()

    def events(self, count: int) -> list[Any]:
        """Receive this many events, in however many frames."""
        found: list[Any] = []
        while len(found) < count:
            found += self.receive()
        return found


@contextmanager
def client(url: str, path: str = "/v2/iex", **headers: str) -> Iterator[Client]:
    packed = headers == PACKED
    with connect(url + path, additional_headers=headers, compression=None, proxy=None) as found:
        yield Client(found, packed=packed)


@contextmanager
def following(url: str, **headers: str) -> Iterator[Client]:
    """Yield a client of the stock data that is authenticated."""
    with client(url, **headers) as found:
        assert found.receive() == CONNECTED
        assert found.ask(AUTH) == AUTHENTICATED
        yield found


def error(code: int, message: str) -> list[dict[str, Any]]:
    return [{"T": "error", "code": code, "msg": message}]
