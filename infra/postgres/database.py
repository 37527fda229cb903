"""Connections to Postgres and the one way to run a transaction."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pg8000.dbapi

from common.errors import OutcomeUnknownError, TransientError
from infra.runtime.database_url import connection_arguments

pg8000.dbapi.paramstyle = "named"

_JSON, _JSONB = 114, 3802
# Serialization failure, deadlock, shutdown and start-up of the server, too many connections: the
# transaction was rolled back as a whole, so that running it again is safe.
_TRANSIENT_SQLSTATES = frozenset({"40001", "40P01", "57P01", "57P02", "57P03", "53300"})

# An instance that vanished without a goodbye holds its locks no longer than this.
_SESSION = """
    SET idle_in_transaction_session_timeout = '60s';
    SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3
"""

# Any text names a lock; the hash spreads the names over the 64-bit key space.
_LOCK_KEY = "hashtextextended(:name, 0)"

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


class Session:
    """One connection, for as many transactions as its holder needs, one after the other."""

    def __init__(self, connection: pg8000.dbapi.Connection) -> None:
        self._connection = connection
        self.broken = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit when the block ends, roll back when it raises.

        Raises OutcomeUnknownError when the connection was lost while committing: the commit may
        have happened, and every caller is idempotent by its natural key.
        """
        with self._marking_broken(), _database_errors():
            if not self._connection._in_transaction:  # noqa: SLF001 (pg8000's only way to ask)
                self._connection.execute_simple("BEGIN")
        try:
            yield Transaction(self._connection)
        except BaseException:
            self._roll_back()
            raise
        self._commit()

    def _commit(self) -> None:
        try:
            with self._marking_broken(), _database_errors():
                self._connection.commit()
        except TransientError as error:
            raise OutcomeUnknownError("the connection was lost while committing") from error

    def _roll_back(self) -> None:
        try:
            with self._marking_broken():
                self._connection.rollback()
        except (pg8000.dbapi.Error, OSError):
            return  # the server rolls back what a lost connection left open

    @contextmanager
    def _marking_broken(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.broken = True
            raise


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
        """Run one transaction, as `Session.transaction` does."""
        with self.session() as session, session.transaction() as tx:
            yield tx

    @contextmanager
    def exclusive(self, name: str) -> Iterator[Session | None]:
        """Yield a session while no other holds `name`, over all instances; None when one does.

        The lock is the connection's: a crash of this process releases it.
        """
        with self.session() as session:
            with session.transaction() as tx:
                held = tx.rows(f"SELECT pg_try_advisory_lock({_LOCK_KEY}) AS held", name=name)
            if not held[0]["held"]:
                yield None
                return
            try:
                yield session
            finally:
                self._unlock(session, name)

    @staticmethod
    def _unlock(session: Session, name: str) -> None:
        """Give the lock back; where that fails, closing the connection gives it back."""
        if session.broken:
            return
        try:
            with session.transaction() as tx:
                tx.rows(f"SELECT pg_advisory_unlock({_LOCK_KEY})", name=name)
        except (TransientError, OutcomeUnknownError, pg8000.dbapi.Error):
            session.broken = True

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Hold one connection; it goes back to the pool unless it broke."""
        if not self._slots.acquire(timeout=self._timeout_seconds):
            raise TransientError("no database connection became free in time")
        try:
            connection = self._check_out()
            session = Session(connection)
            try:
                yield session
            finally:
                if session.broken:
                    _close_quietly(connection)
                else:
                    self._idle.append(connection)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            _close_quietly(self._idle.pop())

    def _check_out(self) -> pg8000.dbapi.Connection:
        """Return a connection with a transaction begun.

        Beginning it is also how a connection that died while idle is found and replaced: nothing
        was lost, and it costs no extra round trip.
        """
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
            try:
                connection.execute_simple(_SESSION)
            except BaseException:
                _close_quietly(connection)
                raise
            connection.register_in_adapter(_JSON, _exact_json)
            connection.register_in_adapter(_JSONB, _exact_json)
            return connection


def connector(database_url: str, *, timeout_seconds: float = 10) -> Connect:
    """Return how to connect to a `postgresql://` URL; raises ValueError when it cannot be read."""
    arguments = connection_arguments(database_url, timeout_seconds=timeout_seconds)
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
