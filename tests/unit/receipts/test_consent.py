"""The client order id commits to each of the terms that its user saw, and to nothing else."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import MalformedMessageError
from common.questions import Terms
from common.receipts.canonical import LARGEST_INTEGER, canonical, sha256
from common.receipts.consent import client_order_id, consented
from tests.unit.receipts.samples import ASKED_AT, TEXT, USER, terms
from tests.unit.samples import QUESTION_ID, order

OTHER_VALUES: dict[str, Any] = {
    "rule_id": "rise",
    "symbol": "AAPL",
    "asset_class": "crypto",
    "side": "sell",
    "notional_usd": Decimal("10.01"),
    "qty": Decimal(1),
    "order_type": "limit",
    "limit_offset_pct": Decimal("0.1"),
    "time_in_force": "gtc",
    "price": Decimal("492.01"),
    "reference": None,
    "pct": Decimal("-1.7"),
    "as_of": ASKED_AT + timedelta(microseconds=1),
    "snapshot_ids": (8,),
    "config_hash": "e97f4aee77bcc6db",
    "max_price_drift_pct": Decimal("1.5"),
    "asked_at": ASKED_AT - timedelta(microseconds=1),
    "expires_at": ASKED_AT + timedelta(minutes=16),
}


def id_of(text: str | None = TEXT, *, question_id: UUID = QUESTION_ID, **changes: Any) -> str:
    return client_order_id(question_id, USER, consented(terms(**changes), text))


def test_every_field_of_the_terms_has_another_value_here() -> None:
    assert OTHER_VALUES.keys() == Terms.model_fields.keys()


@pytest.mark.parametrize("field", OTHER_VALUES)
def test_other_terms_are_another_id(field: str) -> None:
    assert id_of(**{field: OTHER_VALUES[field]}) != id_of()


def test_another_text_question_or_user_is_another_id() -> None:
    shown = consented(terms(), TEXT)

    others = {
        id_of("SPY is down 1.6% vs yesterday. Buy $100?"),
        id_of(None),
        id_of(question_id=UUID(int=7)),
        client_order_id(QUESTION_ID, "user-2", shown),
    }

    assert len(others - {id_of()}) == 4


def test_the_same_terms_are_the_same_id_after_a_way_through_the_database() -> None:
    stored = terms(price=Decimal("492.00"), expires_at=ASKED_AT).model_dump_json()

    read = Terms.from_document(json.loads(stored))

    assert consented(read, TEXT) == consented(terms(price=Decimal(492), expires_at=ASKED_AT), TEXT)


def test_the_id_names_the_question_and_is_what_a_plain_sha256_says() -> None:
    shown = consented(terms(), TEXT)

    digest = sha256(f"{QUESTION_ID}\nuser-1\n{shown}")

    assert id_of() == f"cs-{QUESTION_ID}-{digest[:32]}"
    assert len(id_of()) == 72


def test_the_log_lines_of_an_order_are_found_by_its_question() -> None:
    assert order(client_order_id=id_of()).flow_id == str(QUESTION_ID)


def test_the_canonical_form_is_that_of_rfc_8785() -> None:
    document = {"b": [1, True, None, '\u20ac\n\u001f\u007f"\\/'], "B": {"z": "", "a": -7}}

    written = canonical(document)

    assert written == '{"B":{"a":-7,"z":""},"b":[1,true,null,"€\\n\\u001f\u007f\\"\\\\/"]}'
    assert canonical({"n": LARGEST_INTEGER}) == '{"n":9007199254740991}'


@pytest.mark.parametrize(
    "value", [1.5, Decimal("1.5"), 2**53, -(2**53), "\ud800", {"ü": 1}, {1: 1}, [{"x": object()}]]
)
def test_what_two_programs_could_write_in_two_ways_has_no_canonical_form(value: object) -> None:
    with pytest.raises(MalformedMessageError, match="no canonical JSON"):
        canonical({"value": value})


def test_no_depth_hurts() -> None:
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(MalformedMessageError):
        canonical({"deep": deep})


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcXYZ_"), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abcXYZ_"), _JSON))
def test_what_is_read_again_is_written_the_same(document: dict[str, Any]) -> None:
    shuffled = dict(reversed(document.items()))

    assert canonical(json.loads(canonical(document))) == canonical(shuffled)
