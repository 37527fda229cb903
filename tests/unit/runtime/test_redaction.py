"""No secret of the settings gets into a log line, however it comes to be written."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from infra.clients import Clients
from infra.runtime import redaction
from infra.runtime.json_logs import CloudFormatter
from infra.runtime.settings import HEADER_SECRETS, Settings

# Anything that an environment can hold and that is long enough to be one.
secret_texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    min_size=redaction.SHORTEST,
    max_size=40,
).filter(lambda text: len(text.strip()) >= redaction.SHORTEST and not text.isalpha())
NAMES = sorted(n for n, f in Settings.model_fields.items() if f.annotation is SecretStr)
# (a single word could be one that every log line holds, such as "logger")
header_texts = st.text(
    st.characters(min_codepoint=33, max_codepoint=126), min_size=redaction.SHORTEST, max_size=40
).filter(lambda text: not text.isalpha())


@pytest.fixture(autouse=True)
def nothing_is_hidden_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", frozenset())
    monkeypatch.setattr(redaction, "_values", None)


@contextmanager
def logged(*, project: str = "") -> Iterator[tuple[logging.Logger, list[str]]]:
    """A logger that writes as the functions do; the lines that it wrote."""
    stream, lines = io.StringIO(), list[str]()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(CloudFormatter(project))
    logger = logging.Logger("test")  # noqa: LOG001 (nobody else's)
    logger.addHandler(handler)
    yield logger, lines
    lines += stream.getvalue().splitlines()


def strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [each for pair in value.items() for part in pair for each in strings(part)]
    if isinstance(value, list):
        return [each for item in value for each in strings(item)]
    return [value] if isinstance(value, str) else [str(value)]


@st.composite
def settings(draw: st.DrawFn) -> tuple[Settings, list[str]]:
    """Settings with every secret set; the secrets, and the password of the database's URL."""
    password = draw(secret_texts)
    given = {
        name.upper(): draw(header_texts if name in HEADER_SECRETS else secret_texts)
        for name in NAMES
        if name != "database_url"
    }
    url = f"postgresql://u:{quote(password, safe='')}@127.0.0.1/d"
    others = {"DATABASE_URL": url, "CLOUDFLARE_ACCOUNT_ID": "a", "D1_DATABASE_ID": "d"}
    read = Settings.from_environment(given | others)
    return read, [*given.values(), password, url]


@hypothesis.settings(deadline=None)
@given(settings())
def test_no_secret_of_the_settings_survives_in_a_log_line(
    given: tuple[Settings, list[str]],
) -> None:
    known, secrets = given
    Clients(known)

    with logged() as (log, lines):
        for secret in secrets:
            log.info("it is %s.", secret)
            log.info("it is %r in a list %s", secret, [secret])
            log.info(secret)
            log.info("x", extra={"event": "e", "deep": {secret: [(secret,), {"a": secret}]}})
            log.info("x", extra={"bytes": secret.encode(), "error": ValueError(secret)})
            log.info("x", extra={"escaped": json.dumps({"a": secret}), "url": quote(secret)})
            try:
                raise ValueError(secret) from KeyError(secret)  # noqa: TRY301 (that is what is tried)
            except ValueError:
                log.exception("broke", stack_info=True)

    assert len(lines) == 7 * len(secrets)
    for line in lines:
        texts = strings(json.loads(line))
        for secret in secrets:
            for form in {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]}:
                hiding = form.replace(redaction.HIDDEN, "")
                assert not any(form in text for text in texts if hiding), (form, line)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: Bearer abc.def", "Authorization: [hidden]"),
        ("{'APCA-API-SECRET-KEY': 'abc', 'x': 1}", "{'APCA-API-SECRET-KEY': '[hidden]', 'x': 1}"),
        ("(b'apca-api-key-id', b'xyz')", "(b'apca-api-key-id', b'[hidden]')"),
        ("sent Bearer abcdef123", "sent Bearer [hidden]"),
        ("postgresql://u:pw@h/d", "postgresql://u:[hidden]@h/d"),
        ("password=abc&x=1", "password=[hidden]&x=1"),
        ('{"access_token": "abc"}', '{"access_token": "[hidden]"}'),
        ("X-Signature: 0a1b", "X-Signature: [hidden]"),
        ("webhook-signature: v1,YWJj", "webhook-signature: [hidden]"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_unknown_as_it_is(text: str, left: str) -> None:
    assert redaction.clean(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "INTERNAL_TOKEN: has characters that cannot be sent",
        "secret projects/p/secrets/s/versions/1 is not there: create it",
        "order denied: PRICE_STALE the quote is 200 s old",
        "http://127.0.0.1:8080/evaluate",
    ],
)
def test_what_people_need_to_read_stays(text: str) -> None:
    assert redaction.clean(text) == text


def test_a_field_that_says_that_it_is_secret_is_hidden_whatever_is_in_it() -> None:
    with logged() as (log, lines):
        log.info("x", extra={"headers": {"APCA-API-SECRET-KEY": "abc", "Accept": "json"}})

    headers = {"APCA-API-SECRET-KEY": redaction.HIDDEN, "Accept": "json"}
    assert json.loads(lines[0])["headers"] == headers


def test_a_number_that_is_a_secret_is_hidden_and_others_stay_numbers() -> None:
    redaction.hide("12345678")

    with logged() as (log, lines):
        log.info("x", extra={"n": 12345678, "m": 5, "lag_seconds": 1.5, "yes": True, "none": None})

    line = json.loads(lines[0])
    assert line["n"] == redaction.HIDDEN
    assert (line["m"], line["lag_seconds"], line["yes"], line["none"]) == (5, 1.5, True, None)


def test_the_name_of_a_secret_is_no_secret() -> None:
    name = "projects/p/secrets/key/versions/latest"
    given = {"DATABASE_URL": "postgresql://localhost/x", "SIGNING_SECRET": name}
    Clients(Settings.from_environment(given))

    assert redaction.clean(f"{name} is not there") == f"{name} is not there"
