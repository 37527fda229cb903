from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import MalformedMessageError
from common.questions import (
    Answer,
    Confirmation,
    Decision,
    Refusal,
    decide,
    question_text,
    settle,
    terms,
)
from common.rules.base import Fired
from common.templates import render, variables
from tests.unit.samples import NOON, QUESTION_ID, config, confirmation

FIRED = Fired("SPY", Decimal("492.00"), Decimal(500), Decimal("-1.6000"), NOON, (7, 8))


def answer(value: str = "10", uid: str = "user-1") -> Answer:
    return Answer(
        question_id=QUESTION_ID, firebase_uid=uid, answer=Decimal(value), answered_at=NOON
    )


def pending(**changes: Any) -> Confirmation:
    return confirmation(**{"status": "pending", "decided_at": None} | changes)


@pytest.mark.parametrize(
    ("value", "decision"),
    [
        ("10", Decision.APPROVE),
        ("5", Decision.APPROVE),
        ("4.999", Decision.AMBIGUOUS),
        ("0", Decision.AMBIGUOUS),
        ("-4.999", Decision.AMBIGUOUS),
        ("-5", Decision.REJECT),
        ("-10", Decision.REJECT),
    ],
)
def test_a_swipe_decides_from_five_on(value: str, decision: Decision) -> None:
    assert decide(Decimal(value)) is decision
    assert settle(pending(), answer(value), NOON) is decision


def test_the_text_shows_what_the_rule_saw() -> None:
    assert question_text(config().rules[0], FIRED) == "SPY at 492 is 1.6% below 500: buy $10?"


def test_the_terms_bind_price_snapshots_config_drift_and_expiry() -> None:
    bound = terms(config().rules[0], FIRED, "hash", NOON)

    assert (bound.price, bound.snapshot_ids, bound.config_hash) == (Decimal(492), (7, 8), "hash")
    assert bound.max_price_drift_pct == Decimal(1)
    assert bound.expires_at == NOON + timedelta(seconds=900)


def test_another_users_answer_is_refused() -> None:
    assert settle(pending(), answer(uid="user-2"), NOON) is Refusal.WRONG_USER


def test_an_answer_counts_up_to_the_last_instant() -> None:
    standing = pending(expires_at=NOON)

    assert settle(standing, answer(), NOON) is Decision.APPROVE
    assert settle(standing, answer(), NOON + timedelta(microseconds=1)) is Refusal.EXPIRED


def test_an_expired_question_stays_expired() -> None:
    assert settle(pending(status="expired"), answer(), NOON) is Refusal.EXPIRED


def test_a_repeat_gets_the_same_decision_even_after_expiry() -> None:
    decided = confirmation(expires_at=NOON)

    assert settle(decided, answer("7"), NOON + timedelta(days=1)) is Decision.APPROVE


def test_a_contradiction_is_refused() -> None:
    assert settle(confirmation(), answer("-10"), NOON) is Refusal.CONTRADICTION
    assert settle(confirmation(), answer("0"), NOON) is Refusal.CONTRADICTION


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"answer": NaN}', "not JSON"),
        (b"[]", "document"),
        (b"{}", "question_id"),
        (b'{"question_id": "x"}', "question_id"),
        (b'{"answer": 11}', "answer"),
        (b'{"answer": true}', "answer"),
        (b'{"answer": "x"}', "answer"),
        (b'{"answered_at": "2026-02-10T12:00:00"}', "answered_at"),
        (b'{"surprise": 1}', "surprise"),
    ],
)
def test_a_malformed_answer_is_refused_by_field(body: bytes, field: str) -> None:
    with pytest.raises(MalformedMessageError, match=field):
        Answer.from_json(body)


@given(st.binary())
def test_no_body_ever_raises_anything_but_our_error(body: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        Answer.from_json(body)


@given(st.decimals(-10, 10, allow_nan=False, places=9))
def test_an_answer_survives_the_wire_exactly(value: Decimal) -> None:
    sent = answer(str(value))

    assert Answer.from_json(sent.model_dump_json()) == sent


@given(st.text())
def test_rendering_touches_nothing_but_known_variables(text: str) -> None:
    harmless = text.replace("{", "").replace("}", "")

    assert render(harmless, {}) == harmless
    assert variables(harmless) == frozenset()
