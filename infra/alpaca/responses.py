"""Reads the broker's answers: one that cannot be read is asked for again another time."""

from typing import TypeVar

from pydantic import ValidationError

from common.errors import TransientError
from common.model import WireModel, problems

_Model = TypeVar("_Model", bound=WireModel)


def read(model: type[_Model], raw: object) -> _Model:
    """Read an object; raises TransientError."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise TransientError(f"broker's answer is unreadable: {problems(error)}") from error


def read_all(model: type[_Model], raw: object) -> list[_Model]:
    """Read a list of objects; raises TransientError."""
    if not isinstance(raw, list):
        raise TransientError("broker sent something else than a list")
    return [read(model, each) for each in raw]
