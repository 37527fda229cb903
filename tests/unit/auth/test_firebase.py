"""Firebase ID tokens: what is believed, and how rarely Google is asked for its keys."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.wrappers import Response

from common.errors import InvalidSignatureError, TransientError
from infra.auth.firebase_keys import FirebaseKeys
from infra.auth.firebase_tokens import FirebaseTokens
from infra.local import firebase
from infra.local.serving import HttpServer
from infra.runtime.settings import Settings, SettingsError

PROJECT = "a-project"
NOW = datetime(2026, 2, 10, 17, 0, tzinfo=UTC)


class Google:
    """The key server: serves the keys of a file as it is told to, and counts how often."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key_file = folder / "first.pem"
        self.status = 200
        self.headers = {"Cache-Control": "public, max-age=3600, must-revalidate"}
        self.body: str | None = None
        self.asked = 0

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.asked += 1
        return Response(self.body or self.keys(), self.status, self.headers)(
            environ, start_response
        )

    def keys(self) -> str:
        return firebase.jwk_set(self.key_file)

    def rotate(self) -> None:
        """Sign with a new key, under a new id."""
        self.key_file = self.folder / f"{self.key_file.stem}-next.pem"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def google(folder: Path) -> Google:
    return Google(folder)


@pytest.fixture
def tokens(google: Google) -> Iterator[FirebaseTokens]:
    with HttpServer(google.app) as server:
        keys = FirebaseKeys(server.url)
        yield FirebaseTokens(PROJECT, keys)
        keys.close()


def signed(google: Google, **changes: object) -> str:
    return firebase.id_token(google.key_file, PROJECT, "ann", NOW, **changes)


def test_a_good_token_names_its_user(google: Google, tokens: FirebaseTokens) -> None:
    assert tokens.verify(signed(google), NOW).uid == "ann"


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "iat", "exp", "auth_time"])
@pytest.mark.parametrize("value", [None, "", 0.5, [], {}])
def test_every_claim_must_be_what_it_is_said_to_be(
    google: Google, tokens: FirebaseTokens, claim: str, value: object
) -> None:
    with pytest.raises(InvalidSignatureError):
        tokens.verify(signed(google, **{claim: value}), NOW)


@pytest.mark.parametrize(
    ("after", "is_valid"), [(-11, False), (-9, True), (0, True), (3599, True), (3600, False)]
)
def test_a_token_counts_from_its_issue_to_its_expiry(
    google: Google, tokens: FirebaseTokens, after: int, *, is_valid: bool
) -> None:
    token = signed(google, exp=int(NOW.timestamp()) + 3600)
    then = NOW + timedelta(seconds=after)

    if is_valid:
        assert tokens.verify(token, then).uid == "ann"
    else:
        with pytest.raises(InvalidSignatureError):
            tokens.verify(token, then)


def test_what_the_error_says_never_quotes_the_token(google: Google, tokens: FirebaseTokens) -> None:
    token = signed(google, aud="someone's-secret-project")

    with pytest.raises(InvalidSignatureError) as raised:
        tokens.verify(token, NOW)

    assert "InvalidAudienceError" in str(raised.value)
    assert "secret" not in str(raised.value)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_rubbish_is_refused_without_asking_anybody(
    google: Google, tokens: FirebaseTokens, rubbish: str
) -> None:
    with pytest.raises(InvalidSignatureError):
        tokens.verify(rubbish, NOW)

    assert google.asked == 0


def test_a_token_that_names_another_algorithm_is_refused_without_asking_anybody(
    google: Google, tokens: FirebaseTokens
) -> None:
    with pytest.raises(InvalidSignatureError, match="algorithm"):
        tokens.verify("eyJhbGciOiJub25lIiwia2lkIjoieCJ9.e30.", NOW)  # alg none

    assert google.asked == 0


def test_keys_are_kept_as_long_as_they_say(google: Google, tokens: FirebaseTokens) -> None:
    for minutes in (0, 1, 59):
        tokens.verify(signed(google), NOW + timedelta(minutes=minutes))
    assert google.asked == 1

    tokens.verify(signed(google), NOW + timedelta(minutes=60))

    assert google.asked == 2


def test_the_age_of_a_cached_answer_counts(google: Google, tokens: FirebaseTokens) -> None:
    google.headers["Age"] = "3000"

    for seconds in (0, 599, 600):
        tokens.verify(signed(google), NOW + timedelta(seconds=seconds))

    assert google.asked == 2


def test_keys_without_an_age_are_kept_for_seconds(google: Google, tokens: FirebaseTokens) -> None:
    google.headers = {}

    for seconds in (0, 5, 9, 10):
        tokens.verify(signed(google), NOW + timedelta(seconds=seconds))

    assert google.asked == 2


def test_a_new_key_is_found_before_the_old_ones_run_out(
    google: Google, tokens: FirebaseTokens
) -> None:
    tokens.verify(signed(google), NOW)
    google.rotate()

    later = NOW + timedelta(minutes=5)

    assert tokens.verify(signed(google), later).uid == "ann"
    assert google.asked == 2


def test_made_up_key_ids_are_looked_for_only_every_few_seconds(
    google: Google, tokens: FirebaseTokens, folder: Path
) -> None:
    tokens.verify(signed(google), NOW)
    stranger = firebase.id_token(folder / "stranger.pem", PROJECT, "eve", NOW)

    for second in range(20):
        with pytest.raises(InvalidSignatureError):
            tokens.verify(stranger, NOW + timedelta(seconds=second))

    assert google.asked == 2  # at first, and once for the unknown id


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "null", "{}", '{"keys": []}', '{"keys": [{"kty": "RSA"}]}', '{"keys": 7}'],
)
def test_an_answer_without_keys_is_no_reason_to_refuse_anybody(
    google: Google, tokens: FirebaseTokens, body: str
) -> None:
    google.body = body or " "

    with pytest.raises(TransientError):
        tokens.verify(signed(google), NOW)


def test_while_google_is_away_known_keys_go_on_and_it_is_not_asked_for_every_call(
    google: Google, tokens: FirebaseTokens
) -> None:
    tokens.verify(signed(google), NOW)
    google.status = 503

    assert tokens.verify(signed(google), NOW + timedelta(minutes=59)).uid == "ann"
    for second in range(5):
        with pytest.raises(TransientError):
            tokens.verify(signed(google), NOW + timedelta(minutes=60, seconds=second))
    assert google.asked == 2

    google.status = 200
    assert tokens.verify(signed(google), NOW + timedelta(minutes=61)).uid == "ann"


def test_a_shared_secret_among_the_keys_is_not_used(google: Google, tokens: FirebaseTokens) -> None:
    secret = {"kty": "oct", "kid": "secret", "k": "c2VjcmV0", "alg": "HS256"}
    keys = json.loads(google.keys())
    google.body = json.dumps({"keys": [*keys["keys"], secret]})

    assert tokens.verify(signed(google), NOW).uid == "ann"


@pytest.mark.parametrize(
    "url",
    [
        "http://www.googleapis.com/keys",
        "ftp://127.0.0.1/keys",
        "keys.json",
        "http://127.0.0.1.evil",
    ],
)
def test_keys_come_over_a_line_that_nobody_can_change(url: str) -> None:
    environment = {"DATABASE_URL": "postgresql://localhost/x", "FIREBASE_KEYS_URL": url}

    with pytest.raises(SettingsError, match="FIREBASE_KEYS_URL"):
        Settings.from_environment(environment)
