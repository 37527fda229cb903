"""Connections to Postgres and the one way to run a transaction."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pg8000.dbapi

from common.errors import OutcomeUnknownError, TransientError

pg8000.dbapi.paramstyle = "named"

_JSON, _JSONB = 114, 3802
# Serialization failure, deadlock, shutdown and start-up of the server, too many connections: the
# transaction was rolled back as a whole, so that running it again is safe.
_TRANSIENT_SQLSTATES = frozenset({"40001", "40P01", "57P01", "57P02", "57P03", "53300"})

Connect = Callable[[], pg8000.dbapi.Connection]
Row = dict[str, Any]


class Transaction:
    """Runs SQL with named parameters (`:name`) inside one open transaction."""

    def __init__(self, connection: pg8000.dbapi.Connection) -> None:
        self._cursor = connection.cursor()

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows, each as a dict by column name."""
        self._execute(sql, parameters)
        names = [column[0] for column in self._cursor.description]
        return [dict(zip(names, row, strict=True)) for row in self._cursor.fetchall()]

    def row(self, sql: str, **parameters: object) -> Row | None:
        """Return the only row, or None; more than one is a bug in the query."""
        rows = self.rows(sql, **parameters)
        if len(rows) > 1:
            raise AssertionError(f"expected at most one row, got {len(rows)}")
        return rows[0] if rows else None

    def run(self, sql: str, **parameters: object) -> int:
        """Execute a statement and return how many rows it touched."""
        self._execute(sql, parameters)
        return int(self._cursor.rowcount)

    def _execute(self, sql: str, parameters: dict[str, object]) -> None:
        with _database_errors():
            self._cursor.execute(sql, parameters)


class Database:
    """A bounded pool of connections; one connection is one thread's at a time.

    `size` connections at most; a thread waits `timeout_seconds` for one and then gets a
    TransientError, so that an exhausted pool is a redelivery and not a hang.
    """

    def __init__(self, connect: Connect, size: int = 4, timeout_seconds: float = 10) -> None:
        self._connect = connect
        self._timeout_seconds = timeout_seconds
        self._slots = threading.BoundedSemaphore(size)
        self._idle: list[pg8000.dbapi.Connection] = []

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit when the block ends, roll back when it raises.

        Raises OutcomeUnknownError when the connection was lost while committing: the commit may
        have happened, and every caller is idempotent by its natural key.
        """
        if not self._slots.acquire(timeout=self._timeout_seconds):
            raise TransientError("no database connection became free in time")
        try:
            connection = self._begin()
            try:
                yield Transaction(connection)
            except BaseException:
                self._roll_back(connection)
                raise
            self._commit(connection)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            _close_quietly(self._idle.pop())

    def _begin(self) -> pg8000.dbapi.Connection:
        """Open a transaction; a connection that died while idle is replaced, nothing is lost."""
        while self._idle:
            connection = self._idle.pop()
            try:
                connection.execute_simple("BEGIN")
            except (pg8000.dbapi.Error, OSError):
                _close_quietly(connection)
            else:
                return connection
        with _database_errors():
            connection = self._connect()
            connection.register_in_adapter(_JSON, _exact_json)
            connection.register_in_adapter(_JSONB, _exact_json)
            connection.execute_simple("BEGIN")
            return connection

    def _commit(self, connection: pg8000.dbapi.Connection) -> None:
        try:
            with _database_errors():
                connection.commit()
        except TransientError as error:
            _close_quietly(connection)
            raise OutcomeUnknownError("the connection was lost while committing") from error
        except BaseException:
            _close_quietly(connection)
            raise
        self._idle.append(connection)

    def _roll_back(self, connection: pg8000.dbapi.Connection) -> None:
        try:
            connection.rollback()
        except (pg8000.dbapi.Error, OSError):
            _close_quietly(connection)
        else:
            self._idle.append(connection)


def connector(database_url: str, *, timeout_seconds: float = 10) -> Connect:
    """Return how to connect to a `postgresql://` URL, over TCP or (`?host=/folder`) a socket."""
    url = urlsplit(database_url)
    options = parse_qs(url.query)
    folder = options.get("host", [""])[0]
    arguments: dict[str, Any] = {
        "user": unquote(url.username or "postgres"),
        "password": unquote(url.password) if url.password else None,
        "database": url.path.removeprefix("/") or "postgres",
        "timeout": timeout_seconds,
        "application_name": "countersign",
    }
    if folder.startswith("/"):
        arguments["unix_sock"] = f"{folder}/.s.PGSQL.{url.port or 5432}"
    else:
        arguments |= {"host": url.hostname or "localhost", "port": url.port or 5432}
    if options.get("sslmode", ["disable"])[0] in {"require", "verify-ca", "verify-full"}:
        arguments["ssl_context"] = True
    return lambda: pg8000.dbapi.connect(**arguments)


def to_json(document: object) -> str:
    """Serialise for a `jsonb` parameter: decimals as strings, exactly."""
    return json.dumps(document, default=str)


def _exact_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def _close_quietly(connection: pg8000.dbapi.Connection) -> None:
    try:
        connection.close()
    except (pg8000.dbapi.Error, OSError):
        return


@contextmanager
def _database_errors() -> Iterator[None]:
    """Translate what may be tried again; programming errors stay what they are."""
    try:
        yield
    except pg8000.dbapi.InterfaceError as error:
        raise TransientError("the database connection was lost") from error
    except pg8000.dbapi.DatabaseError as error:
        details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        if details.get("C") in _TRANSIENT_SQLSTATES:
            raise TransientError(f"database: {details.get('M')}") from error
        raise
    except OSError as error:
        raise TransientError("the database cannot be reached") from error
