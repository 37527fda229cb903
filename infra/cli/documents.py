"""JSON documents that a person gives to a command."""

import json
from pathlib import Path
from typing import Any

from common.errors import MalformedMessageError
from common.model import parse_json
from common.wire import to_wire


def read_document(file: Path) -> dict[str, Any]:
    """Read a JSON object; raises MalformedMessageError that names the file."""
    return as_object(file.read_bytes(), str(file))


def as_object(content: bytes, name: str) -> dict[str, Any]:
    """Parse a JSON object; raises MalformedMessageError that names where it is from."""
    try:
        document = parse_json(content)
    except MalformedMessageError as error:
        raise MalformedMessageError(f"{name}: {error}") from error
    if not isinstance(document, dict):
        raise MalformedMessageError(f"{name}: must be a JSON object")
    return document


def shown(document: Any) -> str:
    """Return a document as people read and edit it."""
    return json.dumps(to_wire(document), indent=2, ensure_ascii=False)
