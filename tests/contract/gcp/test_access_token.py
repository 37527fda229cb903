"""Signing in with Google's own library: what its failures mean, and when a token is renewed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask
import google.auth
import google.auth.credentials
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.compute_engine import _metadata
from google.auth.exceptions import (
    DefaultCredentialsError,
    GoogleAuthError,
    RefreshError,
    TransportError,
)

from common.errors import PermanentError, TradingError, TransientError
from infra.gcp.access_token import AccessToken
from infra.local.serving import HttpServer

SCOPE = "https://www.googleapis.com/auth/pubsub"
AUDIENCE = "https://oauth2.googleapis.com/token"
NOBODY = "http://127.0.0.1:9"


class Failing(google.auth.credentials.Credentials):
    """An account whose token cannot be had."""

    def __init__(self, error: GoogleAuthError) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._error = error

    def refresh(self, request: Any) -> None:  # noqa: ARG002 (google's signature)
        raise self._error


def sign_in_as(patch: pytest.MonkeyPatch, folder: Path, token_uri: str) -> rsa.RSAPrivateKey:
    """Give the process the key file of a service account, as Google writes them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "project_id": "p",
        "private_key": pem.decode(),
        "client_email": "worker@p.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }
    file = folder / "account.json"
    file.write_text(json.dumps(account))
    patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    return key


# As `google.auth.compute_engine` wraps what its metadata server did not answer.
UNREACHED = RefreshError(TransportError("metadata"))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (RefreshError("server_error", retryable=True), TransientError, "signing in failed"),  # type: ignore[no-untyped-call]
        (TransportError("no route"), TransientError, "signing in failed"),  # type: ignore[no-untyped-call]
        (UNREACHED, TransientError, "signing in failed"),
        (RefreshError("invalid_grant", retryable=False), PermanentError, "no credentials"),  # type: ignore[no-untyped-call]
        (DefaultCredentialsError("none"), PermanentError, "application-default login"),  # type: ignore[no-untyped-call]
    ],
)
def test_what_may_pass_is_tried_again_and_the_rest_is_a_persons(
    monkeypatch: pytest.MonkeyPatch, error: GoogleAuthError, kind: type[TradingError], words: str
) -> None:
    monkeypatch.setattr(google.auth, "default", lambda scopes: (Failing(error), scopes))

    with pytest.raises(TradingError, match=f"^Pub/Sub: .*{words}") as raised:
        AccessToken("Pub/Sub", SCOPE).header()

    assert type(raised.value) is kind


def test_who_cannot_be_reached_may_be_there_the_next_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sign_in_as(monkeypatch, tmp_path, NOBODY)

    with pytest.raises(TransientError, match="TransportError"):
        AccessToken("Pub/Sub", SCOPE).header()


@pytest.mark.parametrize("platform", ["K_SERVICE", "CLOUD_RUN_JOB", "CLOUD_RUN_WORKER_POOL"])
def test_on_cloud_run_a_metadata_server_that_is_silent_may_answer_the_next_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str
) -> None:
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", True)  # what it settles for after three looks
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with pytest.raises(PermanentError, match="no credentials"):
        AccessToken("Pub/Sub", SCOPE).header()

    monkeypatch.setenv(platform, "countersign-submit-order")
    with pytest.raises(TransientError, match="signing in failed"):
        AccessToken("Pub/Sub", SCOPE).header()

    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with pytest.raises(PermanentError, match="no credentials"):
        AccessToken("Pub/Sub", SCOPE).header()


class TokenServer:
    """Google's token endpoint: what it was asked with, and a new token each time."""

    def __init__(self) -> None:
        self.assertions: list[str] = []
        self.app = flask.Flask("tokens")
        self.app.post("/token")(self._issue)

    def _issue(self) -> dict[str, Any]:
        self.assertions.append(flask.request.form["assertion"])
        return {"access_token": f"token-{len(self.assertions)}", "expires_in": 3600}


@pytest.fixture
def tokens() -> TokenServer:
    return TokenServer()


@pytest.fixture
def token_uri(tokens: TokenServer) -> Iterator[str]:
    with HttpServer(tokens.app) as server:
        yield f"{server.url}/token"


def test_a_token_is_asked_for_with_its_scope_and_renewed_when_it_is_due(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tokens: TokenServer, token_uri: str
) -> None:
    key = sign_in_as(monkeypatch, tmp_path, token_uri)
    token = AccessToken("Pub/Sub", SCOPE)

    fresh = [token.header(), token.header()]
    long_ago = datetime.now(UTC) - timedelta(days=1)  # noqa: TID251 (google's clock)
    token._credentials.expiry = long_ago.replace(tzinfo=None)

    assert fresh == [{"Authorization": "Bearer token-1"}] * 2
    assert token.header() == {"Authorization": "Bearer token-2"}
    claims = jwt.decode(
        tokens.assertions[0], key.public_key(), algorithms=["RS256"], audience=AUDIENCE
    )
    assert (claims["scope"], claims["iss"]) == (SCOPE, "worker@p.iam.gserviceaccount.com")
