"""Values as JSON shows them: decimals as strings, instants in UTC, nothing left to guess."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from common.model import plain


def to_wire(value: object) -> Any:
    """Turn a value, and all that is in it, into what JSON has."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {name: to_wire(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_wire(each) for each in value]
    return value
