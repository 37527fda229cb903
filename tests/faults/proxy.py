"""A TCP proxy before Postgres that cuts a connection at the worst moments of a transaction."""

import socket
import threading
from contextlib import suppress
from enum import StrEnum
from typing import Self
from urllib.parse import parse_qs, urlsplit

# What the driver sends to commit, and what the server answers when it has committed.
_BEGINS, _COMMITS, _COMMITTED = b"BEGIN\0", b"; COMMIT\0", b"COMMIT\0"


class Cut(StrEnum):
    """When a connection is cut."""

    BEFORE_COMMIT = "the commit never reaches the server"
    AFTER_COMMIT = "the server has committed, and its word is lost"
    IN_TRANSACTION = "a statement before the commit never reaches the server"


class Proxy:
    """Forwards to the server of a `postgresql://…?host=/folder` URL; `url` leads through it."""

    def __init__(self, database_url: str) -> None:
        url = urlsplit(database_url)
        folder = parse_qs(url.query)["host"][0]
        self._server = f"{folder}/.s.PGSQL.{url.port or 5432}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{port}{url.path}?sslmode=disable"
        self.commits = 0
        self.is_down = False
        self._plan: tuple[Cut, int] | None = None
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []

    def cut(self, when: Cut, commit: int = 1) -> None:
        """Cut one connection, once: at the given commit from now on."""
        with self._lock:
            self.commits, self._plan = 0, (when, commit)

    @property
    def has_cut(self) -> bool:
        """Whether what was planned has happened."""
        return self._plan is None

    def drop_everything(self) -> None:
        """Break every connection there is, as a server that fails over does."""
        with self._lock:
            while self._open:
                _shut_down(self._open.pop())

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        _shut_down(self._listener)
        self._listener.close()
        self.drop_everything()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.is_down:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                with self._lock:
                    self._open += [client, server]
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=self._pump, args=(server, client, False), daemon=True)
        back.start()
        self._pump(client, server, True)
        back.join()
        # Not before: another socket would be given the number that a pump is still reading from.
        client.close()
        server.close()

    def _pump(self, source: socket.socket, sink: socket.socket, to_server: bool) -> None:  # noqa: FBT001
        with suppress(OSError):
            while data := source.recv(65536):
                if self._is_now(data, to_server=to_server):
                    break
                sink.sendall(data)
        _shut_down(source)
        _shut_down(sink)

    def _is_now(self, data: bytes, *, to_server: bool) -> bool:
        """Tell whether this is the moment; it comes once."""
        with self._lock:
            commits = to_server and _COMMITS in data
            self.commits += commits
            if self._plan is None:
                return False
            when, number = self._plan
            # Whoever finds a connection dead at its very beginning takes another.
            statement = to_server and not commits and _BEGINS not in data
            moment = {
                Cut.BEFORE_COMMIT: commits and self.commits == number,
                Cut.AFTER_COMMIT: not to_server and _COMMITTED in data and self.commits == number,
                Cut.IN_TRANSACTION: statement and self.commits == number - 1,
            }[when]
            if moment:
                self._plan = None
            return moment


def _shut_down(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
