from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.actions import ClosePosition
from common.errors import MalformedMessageError
from common.questions import (
    Answer,
    AnswerRefusal,
    Confirmation,
    Decision,
    consequence,
    decide,
    follow_up_terms,
    follow_up_text,
    question_text,
    settle,
    terms,
    try_again_text,
    waiting_step,
)
from common.rules.base import Fired
from common.templates import render, variables
from tests.unit.samples import NOON, QUESTION_ID, config, confirmation

FIRED = Fired(
    "SPY", Decimal("492.00"), NOON, (7, 8), reference=Decimal(500), pct=Decimal("-1.6000")
)
BUY = config().rules[0].on_answer_match.propose("us_equity", None)


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
    assert question_text(config().rules[0], FIRED, BUY) == "SPY at 492 is 1.6% below 500: buy $10?"


def test_a_rule_shows_its_own_values_and_a_dash_for_what_there_is_not() -> None:
    text = "{{symbol}}: {{pct}} {{ref}} {{notional}} {{qty}} {{size}} {{price}}"
    rule = config().rules[0].model_copy(update={"question_template": text})
    sell = ClosePosition(action="close_position").propose("us_equity", Decimal("2.50"))
    fired = Fired("SPY", Decimal(492), NOON, (), values={"price": "its own"})

    assert question_text(rule, fired, sell) == "SPY: – – – 2.5 2.5 its own"  # noqa: RUF001


def test_the_terms_bind_price_snapshots_config_drift_and_expiry() -> None:
    bound = terms(config().rules[0], FIRED, BUY, "hash", NOON)

    assert (bound.price, bound.snapshot_ids, bound.config_hash) == (Decimal(492), (7, 8), "hash")
    assert bound.max_price_drift_pct == Decimal(1)
    assert bound.expires_at == NOON + timedelta(seconds=900)


def test_another_users_answer_is_refused() -> None:
    assert settle(pending(), answer(uid="user-2"), NOON) is AnswerRefusal.WRONG_USER


def test_an_answer_counts_up_to_the_last_instant() -> None:
    waiting = pending(expires_at=NOON)

    assert settle(waiting, answer(), NOON) is Decision.APPROVE
    assert settle(waiting, answer(), NOON + timedelta(microseconds=1)) is AnswerRefusal.EXPIRED


def test_an_expired_question_stays_expired() -> None:
    assert settle(pending(status="expired"), answer(), NOON) is AnswerRefusal.EXPIRED


def test_a_withdrawn_question_orders_nothing() -> None:
    assert settle(pending(status="withdrawn"), answer(), NOON) is AnswerRefusal.WITHDRAWN


def test_the_consequence_says_what_a_yes_will_do() -> None:
    bound = terms(config().rules[0], FIRED, BUY, "hash", NOON)
    limited = bound.model_copy(
        update={"notional_usd": None, "qty": Decimal(2), "order_type": "limit", "side": "sell"}
    )

    assert consequence(bound).startswith("A yes will buy $10 of SPY at market.")
    assert consequence(limited).startswith("A yes will sell 2 SPY with a limit")


def test_a_follow_up_keeps_what_was_shown_and_gives_the_same_time_anew() -> None:
    bound = terms(config().rules[0], FIRED, BUY, "hash", NOON)
    later = NOON + timedelta(minutes=10)

    again = follow_up_terms(bound, later)

    assert (again.price, again.snapshot_ids) == (bound.price, bound.snapshot_ids)
    assert (again.asked_at, again.expires_at) == (later, later + timedelta(seconds=900))
    assert follow_up_text("Buy?").endswith("Buy?")
    assert try_again_text("Buy?", "no money").endswith(
        "no money. Try again, or leave it? It was: Buy?"
    )


def test_a_repeat_gets_the_same_decision_even_after_expiry() -> None:
    decided = confirmation(expires_at=NOON)

    assert settle(decided, answer("7"), NOON + timedelta(days=1)) is Decision.APPROVE


def test_a_contradiction_is_refused() -> None:
    assert settle(confirmation(), answer("-10"), NOON) is AnswerRefusal.CONTRADICTION
    assert settle(confirmation(), answer("0"), NOON) is AnswerRefusal.CONTRADICTION


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
    said = f"""{{"question_id": "{QUESTION_ID}", "firebase_uid": "user-1", "answer": {value:f},
        "answered_at": "{NOON.isoformat()}"}}"""

    assert Answer.from_json(said).answer == value


@given(st.text())
def test_rendering_touches_nothing_but_known_variables(text: str) -> None:
    harmless = text.replace("{", "").replace("}", "")

    assert render(harmless, {}) == harmless
    assert variables(harmless) == frozenset()


def test_a_question_waits_in_a_step_of_its_rule() -> None:
    assert waiting_step("dip_confirm") == "dip_confirm:await_confirm"
