"""Opens and closes the driver's connections so that no socket is left behind, and asks quickly.

The driver writes to a file over its socket, which holds back what could not be sent. Where the
goodbye or the opening fails, it closes only one of the two: the collector finds the other, tries to
send the rest, and complains.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import pg8000.dbapi
from pg8000.converters import array_out, make_params
from pg8000.core import NULL_BYTE, SYNC_MSG, Context, _flush, _write
from pg8000.dbapi import convert_paramstyle

# Ours are some hundred; what is put together of parts must not fill the memory.
_STATEMENTS = 1024


class DriverConnection(pg8000.dbapi.Connection):  # type: ignore[misc]
    """A connection of the driver that leaves nothing open, however it begins and ends."""

    _usock: Any = None
    _sock: Any = None

    def __init__(self, **arguments: Any) -> None:
        """Connect as `pg8000.dbapi.connect` does."""
        try:
            super().__init__(**arguments)
        except BaseException:
            _close_sockets(self._usock, self._sock)
            raise

    def close(self) -> None:
        """Terminate the session and close; raises InterfaceError where the server is gone."""
        with leaving_nothing_open(self):
            super().close()


@contextmanager
def leaving_nothing_open(driver: pg8000.dbapi.Connection) -> Iterator[None]:
    """Close what the block has left open of a connection."""
    opened, buffered = driver._usock, driver._sock  # noqa: SLF001 (pg8000's only way)
    try:
        yield
    finally:
        _close_sockets(opened, buffered)


def connect(arguments: dict[str, Any]) -> DriverConnection:
    """Connect; raises the driver's InterfaceError, or OSError, where the server is out of reach.

    Over TCP the socket is made here: the driver forgets its own while it negotiates encryption.
    """
    if "unix_sock" in arguments:
        return DriverConnection(**arguments)
    opened = _tcp_socket(arguments["host"], arguments["port"], arguments["timeout"])
    try:
        return DriverConnection(**arguments, sock=opened)
    except BaseException:
        opened.close()
        raise


def execute(driver: pg8000.dbapi.Connection, sql: str, parameters: Mapping[str, object]) -> Context:
    """Run one statement with parameters (`:name`); return its `columns`, `rows` and `row_count`.

    One round trip, where the driver's own way takes three: it waits for a reply to each message,
    and the server answers them all after the last (extended query protocol, pipelining).
    """
    if not parameters:
        return driver.execute_simple(sql)
    statement, names = _numbered(sql)
    # Whatever cannot be converted is found before anything is sent.
    values = make_params(driver.py_types, [parameters[name] for name in names])
    driver.send_PARSE(NULL_BYTE, statement)
    driver.send_DESCRIBE_STATEMENT(NULL_BYTE)
    driver.send_BIND(NULL_BYTE, values)
    driver.send_EXECUTE()
    reply = Context(statement)
    _write(driver._sock, SYNC_MSG)  # noqa: SLF001 (pg8000's only way)
    _flush(driver._sock)  # noqa: SLF001 (pg8000's only way)
    driver.handle_messages(reply)
    return reply


def send_at_once(driver: pg8000.dbapi.Connection) -> None:
    """Let no part of a statement wait until the server has acknowledged the one before (RFC 896).

    The driver sends what is longer than 8 KiB in parts, and over TCP a server that has nothing to
    say yet acknowledges the first up to 40 ms later.
    """
    opened = driver._usock  # noqa: SLF001 (pg8000's only way)
    if opened.family != socket.AF_UNIX:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _tcp_socket(host: str, port: int, timeout_seconds: float) -> socket.socket:
    try:
        opened = socket.create_connection((host, port), timeout_seconds)
    except OSError as error:
        raise pg8000.dbapi.InterfaceError(f"cannot connect to {host}:{port}") from error
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return opened


def array_literal(values: list[object]) -> str:
    """Write an array as the server reads it; the driver looks at every letter of a text for it."""
    if set(map(type, values)) == {str}:
        joined = '","'.join(map(str, values))
        # A thousand uids at once: no text has anything to escape but the quotes put between them.
        if "\\" not in joined and joined.count('"') == 2 * (len(values) - 1):
            return '{"' + joined + '"}'
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if value is None:
        return "NULL"
    return str(value) if type(value) is int else str(array_out(value))


class _Names:
    """Every name's value is the name: given for the parameters, it says in which order they go."""

    def __getitem__(self, name: str) -> str:
        return name


@lru_cache(_STATEMENTS)
def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return a statement with its parameters numbered, and their names in that order.

    The driver reads a statement letter by letter, which takes longer than the server needs for it.
    """
    numbered: tuple[str, tuple[str, ...]] = convert_paramstyle("named", sql, _Names())
    return numbered


def _close_sockets(opened: socket.socket | None, buffered: Any) -> None:
    """Close a socket at once, then the file over it, which cannot send any more."""
    if opened is not None and (descriptor := opened.detach()) >= 0:
        socket.close(descriptor)
    if buffered is not None:
        with suppress(OSError):
            buffered.close()
