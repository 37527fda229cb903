"""A socket to Postgres that raises once, at a given byte of what it sends or receives."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from infra.postgres.driver import DriverConnection

Direction = Literal["sent", "received"]


@dataclass
class Wire:
    """What went over all sockets of one pool, and where the next one is to raise.

    `raises` is raised once, after `after` more bytes of that direction; then the line works again.
    """

    database_url: str
    recorded: dict[Direction, bytearray] = field(
        default_factory=lambda: {"sent": bytearray(), "received": bytearray()}
    )
    _direction: Direction | None = None
    _left: int = 0
    _raises: BaseException | None = None

    def fail(self, direction: Direction, after: int, raises: BaseException) -> None:
        """Plan the failure."""
        self._direction, self._left, self._raises = direction, after, raises

    @property
    def has_failed(self) -> bool:
        """Whether the failure that was planned has happened."""
        return self._raises is None

    def allowance(self, direction: Direction, wanted: int) -> int:
        """Return how many bytes may pass; raises when it is time to."""
        if direction != self._direction or self._raises is None:
            return wanted
        if self._left == 0:
            raises, self._raises = self._raises, None
            raise raises
        return min(wanted, self._left)

    def passed(self, direction: Direction, data: bytes) -> None:
        """Count what has passed."""
        self.recorded[direction] += data
        self._left -= len(data) if direction == self._direction else 0

    def connect(self) -> DriverConnection:
        """Connect as the pool does."""
        url = urlsplit(self.database_url)
        folder = parse_qs(url.query)["host"][0]
        database = url.path.removeprefix("/")
        line = _FaultySocket(socket.AF_UNIX)
        try:
            line.wire = self
            line.settimeout(5)
            line.connect(f"{folder}/.s.PGSQL.{url.port or 5432}")
            return DriverConnection(
                user="postgres", database=database, sock=line, ssl_context=False
            )
        except BaseException:
            line.close()
            raise


class _FaultySocket(socket.socket):
    wire: Wire

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive, as far as it may go."""
        view = memoryview(buffer)[: self.wire.allowance("received", nbytes or len(buffer))]
        count = super().recv_into(view, 0, flags)
        self.wire.passed("received", bytes(view[:count]))
        return count

    def send(self, data: Any, flags: int = 0) -> int:
        """Send, as far as it may go."""
        count = super().send(data[: self.wire.allowance("sent", len(data))], flags)
        self.wire.passed("sent", bytes(data[:count]))
        return count


def boundaries(stream: bytes) -> Iterator[int]:
    """Yield where each message of a stream begins: a letter, and a length that counts itself."""
    at = 0
    while at < len(stream):
        yield at
        at += 1 + int.from_bytes(stream[at + 1 : at + 5])


def record(wire: Wire, direction: Direction, work: Callable[[], object]) -> bytes:
    """Return what goes over the wire while it works."""
    before = len(wire.recorded[direction])
    work()
    return bytes(wire.recorded[direction][before:])
