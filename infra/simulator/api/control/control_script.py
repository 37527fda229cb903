"""Reading what a script sends to the control routes; its mistakes are answered in words."""

from typing import Any, TypeVar

import flask
from flask.typing import ResponseReturnValue

from common.model import Model

Json = dict[str, Any]
_Document = TypeVar("_Document", bound=Model)


def bad_script(error: Exception) -> ResponseReturnValue:
    """Return the reply to a script's mistake."""
    return {"message": str(error)}, 400


def document(kind: type[_Document]) -> _Document:
    """Read the request's JSON object; nothing at all is an empty one.

    Raises MalformedMessageError.
    """
    return kind.from_json(flask.request.get_data() or b"{}")


def changes(kind: type[Model]) -> Json:
    """Read what a script wants to change; null changes nothing."""
    return document(kind).model_dump(exclude_none=True)
