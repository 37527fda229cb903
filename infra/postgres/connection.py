"""One connection to Postgres, trusted only while it is known to be in sync with the server.

The driver sends several messages for a statement and reads their replies in turn. When it raises in
between, replies stay unread, and the next statement is given them: one user's rows to another. So
each call begins by distrusting the connection, and only a complete reply restores the trust.
"""

import json
import logging
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any

import pg8000.dbapi
from pg8000.converters import timestamptz_in
from pg8000.core import Context

from common.errors import LockedError, OutcomeUnknownError, TradingError, TransientError
from infra.postgres.driver import (
    Statements,
    array_literal,
    execute,
    leaving_nothing_open,
    send_at_once,
)
from infra.runtime.settings import SettingsError

log = logging.getLogger(__name__)

_JSON, _JSONB, _TIMESTAMPTZ = 114, 3802, 1184
# Serialization failure, deadlock, shutdown and start-up of the server, too many connections: the
# transaction was rolled back as a whole, so that running it again is safe.
_TRANSIENT_SQLSTATES = frozenset({"40001", "40P01", "57P01", "57P02", "57P03", "53300"})
_LOCKED = "55P03"
# The server's function that finds that a statement, parsed before a migration, would return other
# columns now. It is parsed anew.
_RETURNS_OTHER_COLUMNS = "RevalidateCachedQuery"
# A statement that this session parsed is not there, or one that it did not parse is: a pooler gives
# each transaction a session of its choice. Locks that a session holds would be another's, too.
_OF_ANOTHER_SESSION = frozenset({"26000", "42P05"})

# An instance that vanished without closing holds its locks no longer than this.
_SESSION = """
    SET idle_in_transaction_session_timeout = '60s';
    SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3
"""
# What the server says of its state with each complete reply.
_IDLE, _IN_TRANSACTION = b"I", b"T"

DriverError = pg8000.dbapi.Error


class _Trust(Enum):
    """What is known of a connection."""

    SYNCHRONIZED = auto()  # the last reply was complete
    REFUSED = auto()  # the server reported an error: it must prove that it is in sync
    BROKEN = auto()  # anything else: it is never used again
    LOST = auto()  # the network failed: others of its age may have died with it


class Connection:
    """A driver's connection and what is known of it; one thread's at a time."""

    def __init__(self, driver: pg8000.dbapi.Connection) -> None:
        """Prepare a connection that the driver has just opened."""
        self._driver = driver
        self._statements = Statements()
        self._trust = _Trust.SYNCHRONIZED
        driver.register_in_adapter(_JSON, _exact_json)
        driver.register_in_adapter(_JSONB, _exact_json)
        driver.register_in_adapter(_TIMESTAMPTZ, _instant)
        driver.register_out_adapter(list, array_literal)
        try:
            with self._asking():
                send_at_once(driver)
                driver.execute_simple(_SESSION)
        except BaseException:
            self.discard()
            raise

    @property
    def can_go_on(self) -> bool:
        """Whether statements can be run."""
        return self._trust is _Trust.SYNCHRONIZED

    @property
    def is_idle(self) -> bool:
        """Whether it is in sync and in no transaction, so that anybody can be given it."""
        return self.can_go_on and self._state == _IDLE

    @property
    def is_lost(self) -> bool:
        """Whether the network failed."""
        return self._trust is _Trust.LOST

    def begin(self) -> None:
        """Begin a transaction, unless one has begun; raises TransientError."""
        if self._state == _IN_TRANSACTION:
            return
        with self._asking():
            self._driver.execute_simple("BEGIN")
            # A reply that was left unread says something else.
            self._check(self._state == _IN_TRANSACTION)

    def execute(self, sql: str, parameters: Mapping[str, object]) -> Context:
        """Run one statement; raises TransientError, or the driver's error for a bug.

        Raises SettingsError where the session is not the same in each transaction.
        """
        with self._asking():
            return execute(self._driver, self._statements, sql, parameters)

    def commit(self) -> None:
        """Commit; raises OutcomeUnknownError when the connection is lost over it."""
        self._require_trust()
        try:
            with self._asking():
                self._proving("SELECT '{token}'; COMMIT")
        except TransientError as error:
            raise OutcomeUnknownError("the connection was lost while committing") from error

    def roll_back(self, statement: str = "ROLLBACK") -> None:
        """Undo, and prove to be in sync; where that fails, the connection is not used again.

        The server itself rolls back what a lost connection left open.
        """
        if self._trust not in {_Trust.SYNCHRONIZED, _Trust.REFUSED}:
            return
        self._trust = _Trust.SYNCHRONIZED
        with suppress(TradingError, DriverError), self._asking():
            self._proving(statement + "; SELECT '{token}'")

    def distrust(self) -> None:
        """Let nobody use it again."""
        self._trust = _Trust.BROKEN

    def close(self) -> None:
        """Terminate the session and close."""
        with suppress(DriverError, OSError), leaving_nothing_open(self._driver):
            self._driver.close()

    def discard(self) -> None:
        """Close without another word: the server might take it for the rest of a message."""
        with suppress(OSError, AttributeError):  # the socket is None when it is closed already
            self._driver._usock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001 (pg8000's only way)
        self.close()

    @property
    def _state(self) -> bytes | None:
        state: bytes | None = self._driver._transaction_status  # noqa: SLF001 (pg8000's only way)
        return state

    def _proving(self, statements: str) -> None:
        """Run statements that select a token, which only the reply to them can hold."""
        token = secrets.token_hex(8)
        reply = self._driver.execute_simple(statements.format(token=token))
        self._check(reply.rows == [[token]])

    def _check(self, synchronized: bool) -> None:  # noqa: FBT001 (a condition)
        if not synchronized:
            log.critical(
                "a database connection was out of sync",
                extra={"event": "connection_desynchronized"},
            )
            raise TransientError("the database connection was out of sync")

    def _require_trust(self) -> None:
        if not self.can_go_on:
            raise TransientError("a statement has failed: the transaction cannot go on")

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Distrust the connection until the server's whole reply has been read."""
        self._require_trust()
        self._trust = _Trust.BROKEN
        try:
            with translated():
                yield
        except BaseException as error:
            self._trust = _trust_after(error)
            self._statements.forget()
            raise
        self._trust = _Trust.SYNCHRONIZED


def _trust_after(error: BaseException) -> _Trust:
    """Say what is known of a connection after its driver has raised."""
    raised = error.__cause__ if isinstance(error, TransientError) else error
    if isinstance(raised, pg8000.dbapi.DatabaseError):
        return _Trust.REFUSED
    if isinstance(raised, pg8000.dbapi.InterfaceError | OSError):
        return _Trust.LOST
    return _Trust.BROKEN


@contextmanager
def translated() -> Iterator[None]:
    """Translate what may be tried again; programming errors stay what they are."""
    try:
        yield
    except pg8000.dbapi.InterfaceError as error:
        raise TransientError("the database connection was lost") from error
    except pg8000.dbapi.DatabaseError as error:
        details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        if details.get("C") == _LOCKED:
            raise LockedError(f"database: {details.get('M')}") from error
        if details.get("C") in _OF_ANOTHER_SESSION:
            raise SettingsError(
                "DATABASE_URL: a pooler changes the session between transactions; have it pool by"
                " session, or name the server itself",
                ["DATABASE_URL"],
            ) from error
        if details.get("C") in _TRANSIENT_SQLSTATES or details.get("R") == _RETURNS_OTHER_COLUMNS:
            raise TransientError(f"database: {details.get('M')}") from error
        raise
    except OSError as error:
        raise TransientError("the database cannot be reached") from error


def _exact_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def _instant(text: str) -> Any:
    """Read an instant; the driver's own way, for what is no datetime, takes 80 times as long."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return timestamptz_in(text)
