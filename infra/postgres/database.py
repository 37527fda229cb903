"""Connections to Postgres and the one way to run a transaction."""

import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

import pg8000.dbapi

from common.errors import TradingError, TransientError
from infra.postgres.connection import Connection, DriverError, translated
from infra.postgres.driver import connect
from infra.runtime.database_url import connection_arguments

# Any text names a lock; the hash spreads the names over the 64-bit key space.
_LOCK_KEY = "hashtextextended(:name, 0)"
# To be selected: until the transaction ends, a lock is waited for no longer; then LockedError.
LOCK_TIMEOUT = "set_config('lock_timeout', '1s', true)"
# Of an even number of backslashes before it, each pair is one that is written.
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")

Connect = Callable[[], pg8000.dbapi.Connection]
Row = dict[str, Any]


class Transaction:
    """Runs SQL with named parameters (`:name`) inside one open transaction.

    After a statement has failed, no other can be run, unless it failed within a savepoint.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows, each as a dict by column name."""
        reply = self._connection.execute(sql, parameters)
        names = [column["name"] for column in reply.columns]
        return [dict(zip(names, row, strict=True)) for row in reply.rows]

    def row(self, sql: str, **parameters: object) -> Row | None:
        """Return the only row, or None; more than one is a bug in the query."""
        rows = self.rows(sql, **parameters)
        if len(rows) > 1:
            raise AssertionError(f"expected at most one row, got {len(rows)}")
        return rows[0] if rows else None

    def run(self, sql: str, **parameters: object) -> int:
        """Execute a statement and return how many rows it touched."""
        return int(self._connection.execute(sql, parameters).row_count)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo the block alone when it raises, so that the transaction can go on."""
        self.run("SAVEPOINT piece")
        try:
            yield
        except Exception:
            self._connection.roll_back("ROLLBACK TO SAVEPOINT piece; RELEASE SAVEPOINT piece")
            raise
        self.run("RELEASE SAVEPOINT piece")


class DatabaseSession:
    """One connection, for as many transactions as its holder needs, one after the other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commit when the block ends, roll back when it raises.

        Raises OutcomeUnknownError when the connection was lost while committing: the commit may
        have happened, and every caller is idempotent by its natural key.
        """
        self._connection.begin()
        try:
            yield Transaction(self._connection)
        except BaseException:
            self._connection.roll_back()
            raise
        self._connection.commit()


class Database:
    """A bounded pool of connections; one connection is one thread's at a time.

    `size` connections at most; a thread waits `timeout_seconds` for one and then gets a
    TransientError, so that an exhausted pool is a redelivery and not a hang.
    """

    def __init__(self, connect: Connect, size: int = 4, timeout_seconds: float = 10) -> None:
        self._connect = connect
        self._timeout_seconds = timeout_seconds
        # No semaphore: an exception that a signal raises inside it leaves its lock held for ever.
        self._slots: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._slots.put(None)
        self._idle: deque[Connection] = deque()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Run one transaction, as `DatabaseSession.transaction` does."""
        with self.session() as session, session.transaction() as tx:
            yield tx

    @contextmanager
    def exclusive(self, name: str) -> Iterator[DatabaseSession | None]:
        """Yield a session while no other holds `name`, over all instances; None when one does.

        The lock is the connection's: a crash of this process releases it.
        """
        with self._connection() as connection:
            session = DatabaseSession(connection)
            with session.transaction() as tx:
                held = tx.rows(f"SELECT pg_try_advisory_lock({_LOCK_KEY}) AS held", name=name)
            if not held[0]["held"]:
                yield None
                return
            try:
                yield session
            finally:
                _unlock(connection, name)

    @contextmanager
    def session(self) -> Iterator[DatabaseSession]:
        """Hold one connection; it goes back to the pool only in sync and in no transaction."""
        with self._connection() as connection:
            yield DatabaseSession(connection)

    def close(self) -> None:
        """Close the idle connections."""
        while (connection := self._take_idle()) is not None:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            self._slots.get(timeout=self._timeout_seconds)
        except Empty:
            raise TransientError("no database connection became free in time") from None
        held: list[Connection] = []  # known here before a transaction begins, so never left in one
        try:
            yield self._check_out(held)
        finally:
            for connection in held:
                self._check_in(connection)
            self._slots.put(None)

    def _check_in(self, connection: Connection) -> None:
        if not connection.is_idle:
            connection.roll_back()
        if connection.is_idle:
            self._idle.append(connection)
            return
        connection.discard()
        if connection.is_lost:
            self._discard_idle()

    def _check_out(self, held: list[Connection]) -> Connection:
        """Return a connection, with a transaction begun if it was idle.

        Beginning it is also how a connection that died while idle is found: nothing was lost, and
        it costs no extra round trip. What killed one has killed the others: finding out one by one
        would cost each its own time-out.
        """
        if (idle := self._take_idle()) is not None:
            held.append(idle)
            with suppress(TradingError, DriverError):
                idle.begin()
                return idle
            held.remove(idle)
            idle.discard()
            self._discard_idle()
        with translated():
            held.append(Connection(self._connect()))
        return held[0]

    def _take_idle(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _discard_idle(self) -> None:
        while (connection := self._take_idle()) is not None:
            connection.discard()


def _unlock(connection: Connection, name: str) -> None:
    """Give the lock back; where that fails, closing the connection gives it back."""
    if not connection.can_go_on:
        return
    try:
        with DatabaseSession(connection).transaction() as tx:
            tx.rows(f"SELECT pg_advisory_unlock({_LOCK_KEY})", name=name)
    except (TradingError, DriverError):
        connection.distrust()


def connector(database_url: str, *, timeout_seconds: float = 10) -> Connect:
    """Return how to connect to a `postgresql://` URL; raises ValueError when it cannot be read."""
    arguments = connection_arguments(database_url, timeout_seconds=timeout_seconds)
    return lambda: connect(arguments)


def to_json(document: object) -> str:
    """Serialise for a `jsonb` parameter: decimals as strings, exactly."""
    return json.dumps(document, default=str)


def to_stored_json(document: object) -> str:
    """Serialise what somebody else wrote for a `jsonb` parameter.

    NUL and lone surrogates, which JSON may escape and Postgres cannot hold, become question marks.
    """
    text = json.dumps(document, default=str, ensure_ascii=False)
    return _ESCAPED_NUL.sub(r"\1?", text.encode(errors="replace").decode())
