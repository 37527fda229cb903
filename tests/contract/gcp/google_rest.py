"""A local server that speaks Google's REST APIs by their own discovery documents.

discovery.json holds, of the published documents (https://API.googleapis.com/$discovery/rest), the
methods that are used and the schemas of their replies: a path, a parameter or a field that is not
in them is refused here, as Google would refuse or never send it.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from infra.gcp.rest import GoogleRest

_APIS = json.loads(Path(__file__).with_name("discovery.json").read_text())
_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": (int, float),
    "object": dict,
}
TOKEN = "a-token"
Json = dict[str, Any]
Answer = Json | list[Json] | int


class GoogleApis:
    """What each path answers: JSON, a list of pages of it, or a status, or what makes it of a body.

    Nothing else is there.
    """

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Answer | Callable[[Json], Answer]] = {}

    def reply(
        self, verb: str, service: str, path: str, query: Json, body: bytes
    ) -> tuple[int, Json]:
        """Answer a call, if the API has such a method."""
        api, method = _method(verb, service, path)
        unknown = query.keys() - set(method["query"])
        if unknown:
            return 400, _error(f"no parameter {unknown}")
        answer = self.answers.get((service, path), 404)
        if callable(answer):
            asked = json.loads(body)
            _check(api["schemas"], {"$ref": method["request"]}, asked, path)
            answer = answer(asked)
        if isinstance(answer, list):
            answer = answer[int(query.get("pageToken", ["0"])[0])]
        if isinstance(answer, int):
            return answer, _error(f"this is {answer}")
        _check(api["schemas"], {"$ref": method["response"]}, answer, path)
        return 200, answer


def _method(verb: str, service: str, path: str) -> tuple[Json, Json]:
    for name, api in _APIS.items():
        for method in api["methods"]:
            form = re.sub(r"\\\{.+?\\\}", "[^/:]+", re.escape(method["path"]))
            if (
                name.partition(".")[0] == service
                and method["httpMethod"] == verb
                and re.fullmatch(form, path)
            ):
                return api, method
    raise LookupError(f"Google has no {verb} {service} {path}")


def _check(schemas: Json, schema: Json, value: Any, where: str) -> None:
    """Raise unless a value has a schema's form."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    kind = schema.get("type", "object")
    if kind == "array":
        for each in value:
            _check(schemas, schema["items"], each, where)
        return
    assert isinstance(value, _TYPES[kind]), f"{where}: {value!r} is no {kind}"
    assert value in schema.get("enum", [value]), f"{where}: {value!r} is none of {schema['enum']}"
    if kind == "object":
        for name, field in value.items():
            known = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            assert known, f"{where}: Google sends no {name}"
            _check(schemas, known, field, f"{where}.{name}")


def _error(message: str) -> Json:
    return {"error": {"message": message}}


@contextmanager
def serving(apis: GoogleApis) -> Iterator[GoogleRest]:
    """Serve the APIs on loopback; yield the real client of them."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            sent_body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            service, _, path = unquote(url.path).removeprefix("/").partition("/")
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                status, body = 401, _error("who is this?")
            else:
                try:
                    status, body = apis.reply(
                        self.command, service, path, parse_qs(url.query), sent_body
                    )
                except (AssertionError, LookupError) as error:
                    status, body = 400, _error(str(error))
            sent = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = _answer  # noqa: N815 (the base class's names)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    client = GoogleRest(
        lambda service: f"http://127.0.0.1:{server.server_port}/{service}",
        lambda: {"Authorization": f"Bearer {TOKEN}"},
    )
    try:
        yield client
    finally:
        client.close()
        server.shutdown()
        thread.join()
        server.server_close()
