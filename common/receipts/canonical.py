"""JSON in its one canonical form (RFC 8785), so that a hash over it is everybody's.

Numbers are integers here: whatever has a fraction is a string in our documents.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from common.errors import MalformedMessageError

LARGEST_INTEGER = 2**53 - 1


def canonical(document: Mapping[str, Any]) -> str:
    """Write a document in its canonical form; raises MalformedMessageError where it has none."""
    try:
        _check(document)
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedMessageError(f"no canonical JSON: {error}") from error
    return text


def sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8 (64 hexadecimal digits)."""
    return hashlib.sha256(text.encode()).hexdigest()


def _check(value: object) -> None:
    """Refuse what two programs could write in two ways."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if not (isinstance(name, str) and name.isascii()):
                raise ValueError("a key must be ASCII text")
            _check(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _check(each)
    elif isinstance(value, bool | str) or value is None:
        return
    elif not isinstance(value, int) or abs(value) > LARGEST_INTEGER:
        raise ValueError(f"{type(value).__name__} is no text, integer, true, false or null")
