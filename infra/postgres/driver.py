"""Opens and closes the driver's connections so that no socket is left behind, and asks quickly.

The driver writes to a file over its socket, which holds back what could not be sent. Where the
goodbye or the opening fails, it closes only one of the two: the collector finds the other, tries to
send the rest, and complains.
"""

import itertools
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pg8000.dbapi
from pg8000.converters import array_out, make_params
from pg8000.core import CLOSE, NULL_BYTE, STATEMENT, SYNC_MSG, Context, _flush, _write
from pg8000.dbapi import convert_paramstyle

# Ours are some hundred; what is put together of parts must not fill the memory.
_STATEMENTS = 1024
# A function has some dozens, each of which takes some 25 kB of the server's memory.
_STATEMENTS_A_SESSION = 100
# So often the server plans what was parsed for the values at hand and for the tables as they are.
# After that it may keep one plan for all values: what was empty then may have a million rows now.
_PLANS_FOR_THE_VALUES = 5


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


@dataclass
class _Prepared:
    """A statement under its name in a session: how often it ran, and what its rows are made of."""

    name: bytes
    uses: int = 0
    columns: Any = None
    input_funcs: Any = None


class Statements:
    """The statements that one session has parsed."""

    def __init__(self) -> None:
        self._prepared: dict[str, _Prepared] = {}
        self._numbers = itertools.count()

    def prepared(self, statement: str) -> _Prepared:
        """Return a statement's own; one that finds no room is parsed each time, without a name."""
        if (known := self._prepared.get(statement)) is not None:
            return known
        if len(self._prepared) == _STATEMENTS_A_SESSION:
            return _Prepared(NULL_BYTE)
        self._prepared[statement] = _Prepared(b"s%d\0" % next(self._numbers))
        return self._prepared[statement]

    def forget(self) -> None:
        """Parse everything anew, under other names: what a statement returns may have changed."""
        self._prepared.clear()


def execute(
    driver: pg8000.dbapi.Connection,
    statements: Statements,
    sql: str,
    parameters: Mapping[str, object],
) -> Context:
    """Run one statement with parameters (`:name`); return its `columns`, `rows` and `row_count`.

    One round trip, where the driver's own way takes three: it waits for a reply to each message,
    and the server answers them all after the last (extended query protocol, pipelining). What has
    been parsed is not parsed again. After an error, `statements` is to be forgotten.
    """
    if not parameters:
        return driver.execute_simple(sql)
    statement, names = _numbered(sql)
    # Whatever cannot be converted is found before anything is sent.
    values = make_params(driver.py_types, [parameters[name] for name in names])
    prepared = statements.prepared(statement)
    reply = Context(statement, columns=prepared.columns, input_funcs=prepared.input_funcs)
    if prepared.uses % _PLANS_FOR_THE_VALUES == 0:
        if prepared.uses:
            driver._send_message(CLOSE, STATEMENT + prepared.name)  # noqa: SLF001 (pg8000's only way)
        driver.send_PARSE(prepared.name, statement)
        driver.send_DESCRIBE_STATEMENT(prepared.name)
    driver.send_BIND(prepared.name, values)
    driver.send_EXECUTE()
    _write(driver._sock, SYNC_MSG)  # noqa: SLF001 (pg8000's only way)
    _flush(driver._sock)  # noqa: SLF001 (pg8000's only way)
    driver.handle_messages(reply)
    prepared.uses += 1
    prepared.columns, prepared.input_funcs = reply.columns, reply.input_funcs
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
