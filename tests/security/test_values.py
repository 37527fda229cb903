"""Values that once cost everybody memory, rows or time: refused with their field, and quickly."""

import base64
import json
import uuid
from datetime import datetime
from typing import Any

import pytest

from infra.postgres.database import Database
from tests.conftest import USER, enroll
from tests.functions.account.account import Account
from tests.functions.steps import swipe
from tests.security.hostile import RULE

UNPROCESSABLE, OK = 422, 200
LARGEST_REPLY = 64 * 1024
BOMBS = ("1e-20000", "1e-200000000", "1e999999999", "9" * 4000, "\uff11", "NaN", "0e-99999")
NUMBERS: dict[str, Any] = {
    "max_spread_pct": lambda bomb: {"max_spread_pct": bomb},
    "rules[0].max_price_drift_pct": lambda bomb: {"rules": [RULE | {"max_price_drift_pct": bomb}]},
    "rules[0].threshold_pct": lambda bomb: {"rules": [RULE | {"threshold_pct": bomb}]},
    "rules[0].on_answer_match": lambda bomb: {
        "rules": [RULE | {"on_answer_match": RULE["on_answer_match"] | {"notional_usd": bomb}}]  # type: ignore[operator]
    },
    "guardrails.max_notional_usd_per_4h": lambda bomb: {
        "guardrails": {"max_notional_usd_per_4h": bomb}
    },
}


def cursor(at: str) -> str:
    return base64.urlsafe_b64encode(f"{at} {uuid.UUID(int=0)}".encode()).decode()


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("field", NUMBERS)
def test_a_number_out_of_bounds_is_refused_by_name(
    account: Account, db: Database, field: str, bomb: str
) -> None:
    enroll(db, USER)

    reply = account.put(NUMBERS[field](bomb), If_Match="*")

    assert reply.status_code == UNPROCESSABLE
    assert len(reply.data) < LARGEST_REPLY
    named = [each["path"] for each in reply.get_json()["error"]["problems"]]
    assert any(field.rpartition(".")[2] in path for path in named), named


@pytest.mark.parametrize("text", ["\x1b[2Jgone", "a\nb", "\u202egnorw", "\x00", "x" * 281])
def test_a_question_has_no_text_that_a_terminal_acts_on(
    account: Account, db: Database, text: str
) -> None:
    enroll(db, USER)

    reply = account.put({"rules": [RULE | {"question_template": text}]}, If_Match="*")

    assert reply.status_code == UNPROCESSABLE


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
@pytest.mark.parametrize("route", ["/orders", "/questions"])
def test_a_cursor_is_one_of_ours(account: Account, db: Database, route: str, at: str) -> None:
    enroll(db, USER)

    reply = account.get(f"{route}?cursor={cursor(at)}")

    assert reply.status_code == UNPROCESSABLE
    assert "cursor" in reply.text


def test_a_cursor_that_was_given_out_is_taken(account: Account, db: Database) -> None:
    enroll(db, USER)
    given = cursor(datetime.fromisoformat("2026-02-10T17:00:00+00:00").isoformat())

    assert account.get(f"/orders?cursor={given}").status_code == OK


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("answered_at", "0001-01-01T00:00:00+23:59"),
        ("answered_at", "9999-12-31T23:59:59-23:59"),
        ("answer", "1e-200000000"),
        ("answer", "\uff11\uff10"),
        ("firebase_uid", "ann\x1b[2J"),
        ("firebase_uid", "a" * 129),
    ],
)
def test_an_answer_out_of_bounds_is_refused_by_name(field: str, value: str) -> None:
    changes = {field: value}

    reply = swipe(uuid.uuid4(), changes.pop("answer", 10), **changes)

    assert reply.status_code == UNPROCESSABLE
    assert field in reply.text


def test_thousands_of_mistakes_are_not_all_repeated(account: Account, db: Database) -> None:
    enroll(db, USER)
    pairs = [f"wrong {n}" for n in range(4000)]
    document = {"guardrails": {"symbols_blocklist": pairs}}
    assert len(json.dumps(document)) < LARGEST_REPLY

    reply = account.put(document, If_Match="*")

    assert reply.status_code == UNPROCESSABLE
    assert len(reply.data) < LARGEST_REPLY


def test_a_key_of_any_length_is_not_repeated_whole(
    account: Account, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    enroll(db, USER)

    reply = account.put({"k" * 60_000: 1}, If_Match="*")

    assert reply.status_code == UNPROCESSABLE
    assert reply.get_json()["error"]["problems"] == [
        {"path": "k" * 100 + "…", "message": "there is no such field"}
    ]
    assert max(len(each.getMessage()) for each in caplog.records) < 1000
