"""Many symbols in few requests; what is wrong with one symbol must not lose the others."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from common.errors import BrokerRefusedError, MalformedMessageError, TransientError
from common.model import TolerantModel

# No number is documented for stocks; 100 symbols are known to work, and are the most for options.
BATCH_SIZE = 100

# Refusals that can be one symbol's fault: malformed, address too long, unknown underlying.
_BY_SYMBOL = frozenset({400, 414, 422})
_NAMED = re.compile(r"invalid (?:underlying )?symbols?: ([^\s,]+(?:, ?[^\s,]+)*)")
# Halving a hundred down to a bad one costs seven refusals. Whoever needs more is refused for
# another reason than its symbols.
_MOST_REFUSALS = 20

Read = Callable[[Sequence[str]], Mapping[str, Any]]
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Issue:
    """What could not be fetched, and why: a symbol, or a whole group of them."""

    subject: str
    reason: str


@dataclass(frozen=True)
class BatchResult(Generic[_Item]):
    """What was found, and what was not."""

    found: tuple[_Item, ...]
    problems: tuple[Issue, ...] = ()


def batches(symbols: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the symbols in hundreds."""
    for start in range(0, len(symbols), BATCH_SIZE):
        yield symbols[start : start + BATCH_SIZE]


def read_isolating(read: Read, symbols: Sequence[str]) -> tuple[dict[str, Any], list[Issue]]:
    """Read symbols in batches; return the raw part of each, and the symbols that were refused.

    A symbol named by a refusal is taken out and the rest read again; when none is named the batch
    is read in halves. Raises what is no symbol's fault: TransientError, BrokerRefusedError.
    """
    found: dict[str, Any] = {}
    given_up: list[Issue] = []
    refusals = 0
    waiting = list(batches(symbols))[::-1]
    while waiting:
        batch = waiting.pop()
        try:
            found |= read(batch)
        except BrokerRefusedError as error:
            refusals += 1
            if error.status not in _BY_SYMBOL or refusals > _MOST_REFUSALS:
                raise
            bad, rest = _parted(batch, error.message)
            given_up += [Issue(symbol, error.message) for symbol in bad]
            waiting += [part for part in rest if part]
    return found, given_up


def left_out(symbol: str, *parts: TolerantModel | None) -> Iterator[Issue]:
    """Report what of a fragment's parts could not be read, though the rest is used."""
    for part in parts:
        if part is not None:
            yield from (Issue(symbol, f"left out: {text}") for text in part.unread)


def parse_each(
    parts: Mapping[str, Any], read: Callable[[str, Any], Iterable[_Item | Issue]]
) -> tuple[list[_Item], list[Issue]]:
    """Turn each symbol's part into items; what cannot be read loses only itself.

    A reader yields a problem for each fragment that it leaves out, or raises MalformedMessageError
    when nothing more of the symbol can be read.
    """
    items: list[_Item] = []
    unreadable: list[Issue] = []
    for symbol, raw in parts.items():
        try:
            for each in read(symbol, raw):
                if isinstance(each, Issue):
                    unreadable.append(each)
                else:
                    items.append(each)
        except MalformedMessageError as error:
            unreadable.append(Issue(symbol, str(error)))
    return items, unreadable


def part(document: Any, name: str | None = None) -> dict[str, Any]:
    """Return the object under a name, or the document itself; null is an empty one.

    Raises TransientError when it is something else.
    """
    if name is not None:
        document = document.get(name) if isinstance(document, dict) else document
    if document is not None and not isinstance(document, dict):
        raise TransientError(f"the broker sent no object {name or ''} of symbols")
    return document or {}


def missing(
    symbols: Sequence[str], parts: Mapping[str, Any], known: Sequence[Issue]
) -> Iterator[Issue]:
    """Report the symbols of which the broker sent nothing, null or an empty object."""
    explained = {each.subject for each in known}
    for symbol in symbols:
        if symbol not in explained and not parts.get(symbol):
            yield Issue(symbol, "the broker knows no such symbol, or has no data of it")


def _parted(batch: Sequence[str], message: str) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Part a refused batch into the symbols to give up and the batches to try again."""
    match = _NAMED.search(message)
    named = set(re.split(", ?", match[1])) if match else set()
    bad = [symbol for symbol in batch if symbol in named]
    if bad:
        return bad, [[symbol for symbol in batch if symbol not in named]]
    if len(batch) == 1:
        return batch, []
    middle = len(batch) // 2
    return [], [batch[middle:], batch[:middle]]
