"""No user can read or write another's data, and nobody gets in without a valid token."""

import base64
import hmac
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from functions import wiring
from functions.account_api import ROUTES
from infra.local.stack import PROJECT
from infra.postgres.database import Database
from infra.runtime.clock import SystemClock
from tests.conftest import enroll, function, rows
from tests.functions.account.account import (
    BASE,
    DOCUMENT,
    Account,
    assert_documented,
    url_of,
    with_algorithm,
)
from tests.functions.steps import approved

EVERY_ROUTE = [
    ("GET", "/config"),
    ("PUT", "/config"),
    ("GET", "/orders"),
    ("DELETE", "/orders/11111111-1111-4111-8111-111111111111"),
    ("GET", "/orders/11111111-1111-4111-8111-111111111111/trace"),
    ("GET", "/orders/11111111-1111-4111-8111-111111111111/receipt"),
    ("GET", "/snapshots?symbol=SPY"),
    ("GET", "/status"),
    ("GET", "/questions"),
    ("POST", "/v1/me/questions/11111111-1111-4111-8111-111111111111/answer"),
]


def ago(**parts: float) -> int:
    return int((SystemClock().now() - timedelta(**parts)).timestamp())


def signed_with_another_key(folder: Path, account: Account) -> str:
    """Sign with a key of one's own, under the known key's id."""
    own = Account(folder / "own.pem", account.uid)
    claims = jwt.decode(own.token(), options={"verify_signature": False})
    known = jwt.get_unverified_header(account.token())["kid"]
    return jwt.encode(claims, own.key_file.read_bytes(), "RS256", {"kid": known})


def signed_with_the_public_key(account: Account) -> str:
    """Take the public key for a shared secret, the classic confusion."""
    key = serialization.load_pem_private_key(account.key_file.read_bytes(), None).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_bytes(serialization.Encoding.PEM, form)
    signed = with_algorithm("HS256", account.token()).rpartition(".")[0]
    mac = hmac.digest(public, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def with_another_key_id(account: Account) -> str:
    claims = jwt.decode(account.token(), options={"verify_signature": False})
    return jwt.encode(claims, account.key_file.read_bytes(), "RS256", {"kid": "unheard-of"})


def with_anothers_claims(account: Account) -> str:
    header, _, signature = account.token().split(".")
    claims = Account(account.key_file, "someone-else").token().split(".")[1]
    return f"{header}.{claims}.{signature}"


BAD_TOKENS: dict[str, Callable[[Account, Path], str]] = {
    "expired": lambda account, _: account.token(exp=ago(seconds=1)),
    "another project's audience": lambda account, _: account.token(aud="another-project"),
    "two audiences": lambda account, _: account.token(aud=[PROJECT, "another-project"]),
    "another issuer": lambda account, _: account.token(iss="https://securetoken.google.com/x"),
    "issued in the future": lambda account, _: account.token(iat=ago(minutes=-5)),
    "signed in in the future": lambda account, _: account.token(auth_time=ago(minutes=-5)),
    "nobody": lambda account, _: account.token(sub=""),
    "a number for a user": lambda account, _: account.token(sub=7),
    "never expires": lambda account, _: account.token(exp=None),
    "alg none": lambda account, _: with_algorithm("none", account.token()),
    "alg HS256 with the public key": lambda account, _: signed_with_the_public_key(account),
    "unknown key id": lambda account, _: with_another_key_id(account),
    "unknown key": lambda account, folder: signed_with_another_key(folder, account),
    "another's claims": lambda account, _: with_anothers_claims(account),
    "cut off": lambda account, _: account.token().rpartition(".")[0],
    "not a token": lambda _, __: "rubbish",
    "too long": lambda account, _: account.token() + "A" * 9000,
}


def test_the_routes_here_are_all_there_are() -> None:
    routes = {
        (method, rule.rule.replace("<uuid:", "{").replace(">", "}"))
        for rule in ROUTES.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }

    documented = {
        (method.upper(), path)
        for path, item in DOCUMENT["paths"].items()
        for method in item.keys() - {"parameters"}
    }
    assert documented == routes
    assert len(EVERY_ROUTE) == len(routes)


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_a_bad_token_opens_no_route_and_the_reply_does_not_say_why(
    account: Account,
    db: Database,
    tmp_path: Path,
    kind: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    enroll(db, account.uid)
    token = BAD_TOKENS[kind](account, tmp_path)

    with caplog.at_level(logging.INFO):
        replies = [
            account.call(method, path, token=token, data="{}") for method, path in EVERY_ROUTE
        ]

    assert {reply.status_code for reply in replies} == {401}
    assert {reply.headers["WWW-Authenticate"] for reply in replies} == {"Bearer realm=countersign"}
    assert {reply.text for reply in replies} == {replies[0].text}
    assert replies[0].get_json()["error"] == {
        "code": "unauthorized",
        "message": "a valid ID token is needed",
    }
    assert token not in caplog.text
    assert "refused an ID token" in caplog.text


@pytest.mark.parametrize("scheme", ["Token", "JWT", "Firebase", "Basic", "Bearer\u00a0", ""])
def test_a_good_token_counts_only_as_a_bearer_token(account: Account, scheme: str) -> None:
    token = account.token()
    client = function("account_api")

    for method, path in EVERY_ROUTE:
        headers = {"Authorization": f"{scheme} {token}".strip()}
        reply = client.open(url_of(path), method=method, headers=headers)

        assert reply.status_code == 401


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic dXNlcjpw"}, {"Authorization": ""}]
)
def test_no_token_opens_no_route(account: Account, headers: dict[str, str]) -> None:
    del account
    client = function("account_api")

    for method, path in EVERY_ROUTE:
        reply = client.open(url_of(path), method=method, headers=headers)

        assert reply.status_code == 401
        assert_documented(reply, method, path)


def test_a_foreign_token_sees_and_changes_nothing_of_anothers(
    account: Account, user: str, db: Database
) -> None:
    order_id = approved(db)
    enroll(db, "stranger")
    stranger = Account(account.key_file, "stranger")

    cancel = stranger.delete(f"/orders/{order_id}")
    trace = stranger.get(f"/orders/{order_id}/trace")
    status = stranger.get("/status").get_json()

    assert (cancel.status_code, trace.status_code) == (404, 404)
    assert cancel.get_json() == trace.get_json()
    assert stranger.get("/orders").get_json()["orders"] == []
    assert stranger.get("/questions").get_json()["questions"] == []
    assert status["caps"]["orders_per_day"]["used"] == 0
    assert rows(db, "SELECT firebase_uid, status FROM trade_orders") == [
        {"firebase_uid": user, "status": "approved"}
    ]


def test_a_put_with_anothers_uid_changes_only_the_callers_own_config(
    account: Account, user: str, db: Database
) -> None:
    before = account.get("/config").get_json()

    reply = Account(account.key_file, "stranger").put({"enabled": False})

    assert reply.status_code == 200
    assert account.get("/config").get_json() == before
    assert rows(db, "SELECT count(*) AS users FROM users")[0]["users"] == 2
    assert user == account.uid


def test_reading_makes_nobody_known(account: Account, db: Database) -> None:
    replies = [account.get(path).status_code for path in ("/config", "/status", "/orders")]

    assert replies == [404, 404, 200]
    assert rows(db, "SELECT 1 FROM users") == []


def test_without_its_settings_it_opens_to_nobody(
    account: Account, environment: pytest.MonkeyPatch
) -> None:
    environment.delenv("FIREBASE_PROJECT_ID")
    wiring.reset()

    reply = function("account_api").get(
        f"{BASE}/orders", headers={"Authorization": f"Bearer {account.token()}"}
    )

    assert (reply.status_code, reply.get_json()["error"]["code"]) == (500, "misconfigured")


def test_while_the_keys_cannot_be_had_callers_are_asked_to_come_back(
    account: Account, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("FIREBASE_KEYS_URL", "http://127.0.0.1:1")
    wiring.reset()

    first, second = account.get("/orders"), account.get("/orders")

    assert (first.status_code, second.status_code) == (503, 503)
    assert first.get_json()["error"]["code"] == "try_again"
