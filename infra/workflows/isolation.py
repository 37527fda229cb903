"""Work on many pieces: a bad one costs itself alone."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from common.errors import OutcomeUnknownError, TransientError
from infra.postgres.database import Database, Transaction
from infra.postgres.users import set_aside_rows
from infra.postgres.users.set_aside_rows import Kind, SetAsideRow
from infra.runtime import redaction
from infra.runtime.settings import SettingsError

log = logging.getLogger(__name__)

_Piece = TypeVar("_Piece")
_Found = TypeVar("_Found")

_LONGEST_REASON = 300


def isolated(
    pieces: Sequence[_Piece], work: Callable[[Sequence[_Piece]], None]
) -> Iterator[tuple[_Piece, str]]:
    """Work on all pieces at once; where that fails, on the halves, down to those that fail alone.

    Yields each of these and the reason. `work` must leave nothing behind when it raises, as a
    transaction does. What may succeed another time (TransientError, OutcomeUnknownError) and what
    is wrong with the environment (SettingsError) is no piece's fault and is raised.
    """
    try:
        if pieces:
            work(pieces)
    except (TransientError, OutcomeUnknownError, SettingsError):
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, it must not stop the others)
        if len(pieces) == 1:
            yield pieces[0], reason_of(error)
            return
        middle = len(pieces) // 2
        yield from isolated(pieces[:middle], work)
        yield from isolated(pieces[middle:], work)


def one_by_one(
    pieces: Sequence[_Piece], work: Callable[[_Piece], None]
) -> Iterator[tuple[_Piece, str]]:
    """Work on each piece by itself; yield those that fail, and why, as `isolated` does."""
    for piece in pieces:
        yield from isolated([piece], lambda alone: work(alone[0]))


def read(
    database: Database,
    keys: Sequence[_Piece],
    read_some: Callable[[Transaction, Sequence[_Piece]], Sequence[_Found]],
) -> tuple[list[_Found], dict[_Piece, str]]:
    """Read everything at once if that works; return it, and why the rest cannot be read."""
    found: list[_Found] = []

    def work(some: Sequence[_Piece]) -> None:
        with database.transaction() as tx:
            found.extend(read_some(tx, some))

    failed = dict(isolated(keys, work))
    return found, failed


def set_aside(tx: Transaction, kind: Kind, found: Sequence[SetAsideRow], now: datetime) -> None:
    """Record which rows of a kind were left out: each raises an alert, and its owner sees it."""
    for row in found:
        log.error(
            "%s %s is set aside: %s",
            kind,
            row.name,
            row.reason,
            extra={"event": "row_set_aside", "kind": kind, "row": row.name},
        )
    set_aside_rows.replace(tx, kind, found, now)


def in_chunks(pieces: Sequence[_Piece], size: int) -> Iterator[Sequence[_Piece]]:
    """Yield the pieces in their order, `size` at most at a time."""
    for start in range(0, len(pieces), size):
        yield pieces[start : start + size]


def reason_of(error: Exception) -> str:
    """Say in a line, without secrets, why something failed."""
    text = f"{type(error).__name__}: {redaction.clean(str(error))}"
    return " ".join(text.split())[:_LONGEST_REASON]
