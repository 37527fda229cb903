"""The files that the pages are made with: styles and scripts, all of them from here."""

from pathlib import Path

import flask
from werkzeug.exceptions import NotFound

_FOLDER = Path(__file__).with_name("static")
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# A file changes only when a new version is deployed; a page asks again after an hour.
_SECONDS = 3600


def serve(request: flask.Request, name: str) -> flask.Response:
    """Return a file of the folder; raises NotFound."""
    file = _FOLDER / name
    if name not in {each.name for each in _FOLDER.iterdir()} or file.suffix not in _KINDS:
        raise NotFound("There is no such file.")
    response = flask.Response(file.read_bytes(), mimetype=_KINDS[file.suffix])
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.cache_control.max_age = _SECONDS
    response.add_etag()
    response.make_conditional(request)
    return response
