"""Reading what a script sends to the control routes; its mistakes are answered in words."""

from datetime import datetime
from typing import Any

import flask
from flask.typing import ResponseReturnValue

from infra.simulator.errors import bad_data_request
from infra.simulator.market.timestamps import parse, to_datetime

Json = dict[str, Any]


def bad_script(error: Exception) -> ResponseReturnValue:
    """Return the reply to a script's mistake."""
    return {"message": str(error)}, 400


def body() -> Json:
    """Return the request's JSON object; nothing at all is an empty one."""
    found = flask.request.get_json(force=True, silent=True)
    if found is None and not flask.request.get_data():
        return {}
    if not isinstance(found, dict):
        raise bad_data_request("the body must be a JSON object")
    return found


def time_of(text: Any) -> datetime:
    """Read an RFC 3339 time."""
    return to_datetime(parse(str(text)))
