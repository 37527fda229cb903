"""What the control routes have in common: reading a script's JSON, and refusing its mistakes."""

from typing import Any, TypeVar

import flask
from flask.typing import ResponseReturnValue

from common.errors import MalformedMessageError
from common.model import Model

Json = dict[str, Any]
_Document = TypeVar("_Document", bound=Model)


def control_routes(name: str) -> flask.Blueprint:
    """Return a blueprint under /sim, which answers a script's mistakes with 400."""
    routes = flask.Blueprint(name, __name__, url_prefix="/sim")
    # A wrong name or value in a script is the script's mistake, not the simulator's.
    for kind in (ValueError, TypeError, ArithmeticError, MalformedMessageError):
        routes.register_error_handler(kind, _bad_script)
    return routes


def document(kind: type[_Document]) -> _Document:
    """Read the request's JSON object; nothing at all is an empty one.

    Raises MalformedMessageError.
    """
    return kind.from_json(flask.request.get_data() or b"{}")


def changes(kind: type[Model]) -> Json:
    """Read what a script wants to change; null changes nothing."""
    return document(kind).model_dump(exclude_none=True)


def _bad_script(error: Exception) -> ResponseReturnValue:
    return {"message": str(error)}, 400
