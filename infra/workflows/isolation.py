"""Work on many pieces: a bad one costs itself alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from common.errors import OutcomeUnknownError, TransientError
from infra.runtime import redaction

_Piece = TypeVar("_Piece")

_LONGEST_REASON = 300


def isolated(
    pieces: Sequence[_Piece], work: Callable[[Sequence[_Piece]], None]
) -> Iterator[tuple[_Piece, str]]:
    """Work on all pieces at once; where that fails, on the halves, down to those that fail alone.

    Yields each of these and the reason. `work` must leave nothing behind when it raises, as a
    transaction does. What may succeed another time (TransientError, OutcomeUnknownError) is no
    piece's fault and is raised.
    """
    try:
        if pieces:
            work(pieces)
    except (TransientError, OutcomeUnknownError):
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, it must not stop the others)
        if len(pieces) == 1:
            yield pieces[0], reason_of(error)
            return
        middle = len(pieces) // 2
        yield from isolated(pieces[:middle], work)
        yield from isolated(pieces[middle:], work)


def in_chunks(pieces: Sequence[_Piece], size: int) -> Iterator[Sequence[_Piece]]:
    """Yield the pieces in their order, `size` at most at a time."""
    for start in range(0, len(pieces), size):
        yield pieces[start : start + size]


def reason_of(error: Exception) -> str:
    """Say in a line, without secrets, why something failed."""
    text = f"{type(error).__name__}: {redaction.clean(str(error))}"
    return " ".join(text.split())[:_LONGEST_REASON]
