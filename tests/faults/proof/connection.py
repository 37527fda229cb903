"""A connection to the real database that stops at every statement and commit, and can break."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pg8000.dbapi

from infra.postgres.driver import DriverConnection
from tests.faults.proof import interleaving
from tests.faults.proof.injected_fault import Place

if TYPE_CHECKING:
    from tests.faults.proof.instance import Instance

_SQLSTATES = {"serialization": "40001", "deadlock": "40P01"}


class WatchedConnection(DriverConnection):
    """What `connector` made, with an instance that it belongs to."""

    instance: Instance

    @classmethod
    def watch(cls, connection: pg8000.dbapi.Connection, instance: Instance) -> WatchedConnection:
        """Turn a connection into a watched one: it stays as its maker has set it up."""
        connection.__class__ = cls
        connection.instance = instance
        watched: WatchedConnection = connection
        return watched

    @property
    def backend(self) -> int:
        """The server's process."""
        return int(struct.unpack("!ii", self._backend_key_data)[0])

    def send_PARSE(self, *arguments: Any) -> None:  # noqa: N802 (the driver's)
        """Stop before a statement with parameters, which begins with this message."""
        self._reach("statement")
        super().send_PARSE(*arguments)

    def handle_messages(self, context: Any) -> None:
        """Wait for a reply."""
        with interleaving.inside(self.backend):
            super().handle_messages(context)

    def execute_simple(self, statement: str) -> Any:
        """Stop before and after a commit; roll back unless the process is gone: the server does."""
        if statement.startswith("ROLLBACK"):
            self.instance.live()
        if not statement.endswith("; COMMIT"):
            return super().execute_simple(statement)
        self._reach("before_commit")
        reply = super().execute_simple(statement)
        self._reach("after_commit")
        return reply

    def close(self) -> None:
        """Close, and wait until the server has given back what this connection held."""
        backend = self.backend
        try:
            super().close()
        finally:
            self.instance.parts.server.wait_until_gone([backend])

    def cut(self) -> None:
        """Break the line: neither side says goodbye."""
        with suppress(OSError):  # the server was faster
            self._usock.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Give the socket back without another word."""
        self.cut()
        with suppress(OSError):
            self._sock.close()
        self._usock.close()
        self._usock = self._sock = None

    def _reach(self, place: Place) -> None:
        kind = self.instance.reach(place)
        if kind == "lost":
            self.cut()
            self.instance.parts.server.wait_until_gone([self.backend])
            raise pg8000.dbapi.InterfaceError("network error")
        if kind in _SQLSTATES:
            raised = f"RAISE EXCEPTION 'injected' USING ERRCODE = '{_SQLSTATES[kind]}'"
            super().execute_simple(f"DO $$ BEGIN {raised}; END $$")
