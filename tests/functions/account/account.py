"""The account API as its users call it; every reply is held against docs/openapi.yaml."""

import base64
import functools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import functions_framework
import jsonschema_rs
import jwt
import pytest
import yaml
from werkzeug.test import TestResponse

from functions import wiring
from infra.local import firebase
from infra.local.serving import HttpServer
from infra.local.stack import PROJECT
from infra.runtime.clock import SystemClock
from tests.conftest import ROOT, USER

BASE = "/v1/me/trading"
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())


@dataclass(frozen=True)
class Account:
    """What a user's app holds: a token."""

    key_file: Path
    uid: str = USER

    def token(self, **changes: object) -> str:
        """Return a valid token, or one whose claims differ."""
        if changes:
            now = SystemClock().now()
            return firebase.id_token(self.key_file, PROJECT, self.uid, now, **changes)
        return _valid_token(self.key_file, self.uid)

    def call(
        self, method: str, path: str, *, token: str | None = None, **request: Any
    ) -> TestResponse:
        """Call with this user's token, or another; the reply is as documented."""
        headers = {"Authorization": f"Bearer {self.token() if token is None else token}"}
        headers |= request.pop("headers", {})
        reply = _app().test_client().open(url_of(path), method=method, headers=headers, **request)
        assert_documented(reply, method, path)
        return reply

    def get(self, path: str, **request: Any) -> TestResponse:
        return self.call("GET", path, **request)

    def put(self, override: object, query: str = "", **headers: str) -> TestResponse:
        return self.call(
            "PUT",
            f"/config{query}",
            data=json.dumps(override),
            headers={"Content-Type": "application/json", **_named(headers)},
        )

    def answer(self, question_id: object, **body: object) -> TestResponse:
        """Answer a question with this user's token."""
        return self.call("POST", f"/v1/me/questions/{question_id}/answer", json=body)

    def delete(self, path: str) -> TestResponse:
        return self.call("DELETE", path)


@contextmanager
def google_keys(environment: pytest.MonkeyPatch, key_file: Path) -> Iterator[str]:
    """Serve the key that signs users' tokens, and tell the functions where."""
    with HttpServer(firebase.key_server(key_file)) as server:
        environment.setenv("FIREBASE_PROJECT_ID", PROJECT)
        environment.setenv("FIREBASE_KEYS_URL", server.url)
        wiring.reset()
        yield server.url


def url_of(path: str) -> str:
    """Return a path of the trading config's API, or another that is whole already."""
    return path if path.startswith("/v1/") else BASE + path


def assert_documented(reply: TestResponse, method: str, path: str) -> None:
    """Hold a reply against the document: its status, its headers and its body."""
    operation = operation_of(method, url_of(path).partition("?")[0])
    if operation is None:
        return
    responses = {s: _resolved(r) for s, r in operation["responses"].items()}
    assert str(reply.status_code) in responses, (reply.status_code, reply.text)
    stated = responses[str(reply.status_code)]
    assert reply.content_type == "application/json"
    assert set(stated.get("headers", {})) <= set(reply.headers.keys())
    schema = stated["content"]["application/json"]["schema"]
    whole = schema | {"components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(whole, validate_formats=True).validate(reply.get_json())


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """Find a documented operation."""
    for template, item in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            found: dict[str, Any] | None = item.get(method.lower())
            return found
    return None


def with_algorithm(name: str, token: str) -> str:
    """Return the token with another algorithm in its header, and no signature."""
    header = jwt.get_unverified_header(token) | {"alg": name}
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return f"{encoded}.{token.split('.')[1]}."


@functools.cache
def _valid_token(key_file: Path, uid: str) -> str:
    return firebase.id_token(key_file, PROJECT, uid, SystemClock().now())


@functools.cache
def _app() -> flask.Flask:
    source = str(ROOT / "functions" / "main.py")
    app: flask.Flask = functions_framework.create_app("account_api", source)  # type: ignore[no-untyped-call]
    return app


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    reference: str | None = part.get("$ref")
    if reference is None:
        return part
    found: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    resolved: dict[str, Any] = found
    return resolved


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
