"""Reads the broker's responses; what a reading that fails means is for the caller to choose.

`parse` says what is wrong with it, for those who leave one piece out and go on. `read` is for those
who need the whole: they ask again another time.
"""

from typing import Any, TypeVar

from pydantic import ValidationError

from common.errors import MalformedMessageError, TransientError
from common.model import WireModel, problems

_Model = TypeVar("_Model", bound=WireModel)


def parse(model: type[_Model], raw: object) -> _Model:
    """Read an object; raises MalformedMessageError naming the fields."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        text = "; ".join(problems(error))
        raise MalformedMessageError(f"cannot read the broker's data: {text}") from error


def read(model: type[_Model], raw: object) -> _Model:
    """Read an object; raises TransientError."""
    try:
        return parse(model, raw)
    except MalformedMessageError as error:
        raise TransientError(str(error)) from error


def read_all(model: type[_Model], raw: object) -> list[_Model]:
    """Read a list of objects; raises TransientError."""
    return [read(model, each) for each in items(raw)]


def items(raw: object) -> list[Any]:
    """Return a list's items as they are; raises TransientError when it is no list."""
    if not isinstance(raw, list):
        raise TransientError("the broker sent something else than a list")
    return raw
