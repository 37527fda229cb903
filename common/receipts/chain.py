"""A chain of entries, each hashed onto the one before, so that none can be changed or moved."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from common.errors import InvalidReceiptError
from common.model import Model
from common.receipts.canonical import canonical, sha256

EntryType = Literal[
    "snapshot", "opportunity", "consent", "answer", "order", "guardrails", "broker_order", "fill"
]
NOTHING_BEFORE = "0" * 64


class Entry(Model):
    """One thing that happened, and the hash that ties it to what happened before.

    `hash` is the SHA-256 of the canonical JSON of the other three.
    """

    type: EntryType
    body: dict[str, Any]
    previous: str
    hash: str


def linked(happened: Iterable[tuple[EntryType, Mapping[str, Any]]]) -> tuple[Entry, ...]:
    """Return what happened, in this order, as a chain."""
    entries: list[Entry] = []
    previous = NOTHING_BEFORE
    for kind, body in happened:
        digest = _hash(kind, body, previous)
        entries.append(Entry(type=kind, body=dict(body), previous=previous, hash=digest))
        previous = digest
    return tuple(entries)


def check_links(entries: Sequence[Entry]) -> None:
    """Raise InvalidReceiptError unless each entry is hashed onto the one before."""
    previous = NOTHING_BEFORE
    for number, entry in enumerate(entries):
        if entry.previous != previous:
            raise InvalidReceiptError(
                f"entry {number} ({entry.type}) does not follow the one before"
            )
        if entry.hash != _hash(entry.type, entry.body, previous):
            raise InvalidReceiptError(f"entry {number} ({entry.type}) was changed")
        previous = entry.hash


def _hash(kind: EntryType, body: Mapping[str, Any], previous: str) -> str:
    return sha256(canonical({"type": kind, "body": body, "previous": previous}))
