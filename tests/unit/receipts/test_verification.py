"""What a receipt must agree with even if it was signed: itself, and its order's id."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidReceiptError
from common.receipts.chain import NOTHING_BEFORE, Entry, check_links, linked
from common.receipts.consent import client_order_id, consented
from common.receipts.receipt import Receipt
from common.receipts.verification import checked
from tests.unit.receipts.samples import (
    ASKED_AT,
    OPPORTUNITY_ID,
    QUESTION_ID,
    TEXT,
    USER,
    receipt,
    relinked,
    terms,
)

WHOLE = [
    *("snapshot", "snapshot", "opportunity", "consent", "answer"),
    *("order", "guardrails", "broker_order", "fill"),
]
CONSENT, ANSWER, ORDER, BROKER_ORDER = 3, 4, 5, 7


def payload(found: Receipt) -> bytes:
    return found.to_canonical().encode()


def refused(found: Receipt) -> str:
    with pytest.raises(InvalidReceiptError) as error:
        checked(payload(found))
    return str(error.value).removeprefix("the receipt does not verify: ")


def test_the_whole_chain_is_in_it_from_snapshot_to_fill() -> None:
    found = checked(payload(receipt()))

    assert [entry.type for entry in found.entries] == WHOLE
    assert found.entries[0].previous == NOTHING_BEFORE
    assert found.entries[CONSENT].body["question_text"] == TEXT
    assert found.entries[CONSENT].body["terms"] == terms().model_dump(mode="json")
    assert found == receipt()


def test_an_order_that_was_not_sent_has_a_receipt_too() -> None:
    found = checked(payload(receipt(status="denied")))

    assert [entry.type for entry in found.entries] == WHOLE[:7]


def test_an_unasked_order_commits_to_its_opportunity() -> None:
    found = checked(payload(receipt(None)))

    assert [entry.type for entry in found.entries if entry.type == "answer"] == []
    assert found.client_order_id.startswith(f"cs-{OPPORTUNITY_ID}-")


@given(st.permutations(range(len(WHOLE))))
def test_a_reordered_chain_is_refused(places: list[int]) -> None:
    found = receipt()
    moved = found.model_copy(update={"entries": tuple(found.entries[each] for each in places)})
    anew = relinked(moved)

    if places == sorted(places):
        assert checked(payload(moved)) == found
        return
    assert "does not follow" in refused(moved)
    if [entry.type for entry in moved.entries] != WHOLE:
        assert refused(anew) == "its entries are not in the order in which they happened"


@pytest.mark.parametrize("number", range(len(WHOLE)))
def test_an_entry_that_was_changed_left_out_or_repeated_is_refused(
    number: int,
) -> None:
    found = receipt()
    entries = list(found.entries)
    changed = entries[number].model_copy(update={"body": {**entries[number].body, "x": 1}})
    with_changed = [*entries[:number], changed, *entries[number + 1 :]]
    without = [*entries[:number], *entries[number + 1 :]]
    repeated = [*entries[:number], entries[number], *entries[number:]]
    last = number == len(entries) - 1

    for kind in (with_changed, repeated, *([] if last else [without])):
        with pytest.raises(InvalidReceiptError, match=r"was changed|does not follow"):
            check_links(kind)
    # A hash of one's own making does not help: the next entry holds the old one.
    forged = linked([(entry.type, entry.body) for entry in with_changed])[number]
    with_forged = [*entries[:number], forged, *entries[number + 1 :]]
    if not last:
        with pytest.raises(InvalidReceiptError, match="does not follow"):
            check_links(with_forged)


@pytest.mark.parametrize("kind", ["opportunity", "consent", "order", "guardrails"])
def test_what_every_order_has_is_in_it_once(kind: str) -> None:
    found = receipt()
    place = WHOLE.index(kind)
    entries = list(found.entries)
    without = found.model_copy(update={"entries": (*entries[:place], *entries[place + 1 :])})
    twice = found.model_copy(
        update={"entries": (*entries[:place], *entries[place : place + 1], *entries[place:])}
    )

    assert refused(relinked(without)) == f"it has no {kind}"
    assert refused(relinked(twice)) == f"it has more than one {kind}"


def test_nothing_is_filled_that_was_not_sent() -> None:
    found = receipt()
    unsent = found.model_copy(
        update={"entries": tuple(each for each in found.entries if each.type != "broker_order")}
    )

    assert refused(relinked(unsent)) == "it has a fill and no broker_order"


OTHER_TERMS: dict[str, Any] = {
    "question_id": str(OPPORTUNITY_ID),
    "firebase_uid": "user-2",
    "question_text": "Buy $1000?",
    "terms": terms(notional_usd="1000").model_dump(mode="json"),
}


@pytest.mark.parametrize("field", OTHER_TERMS)
def test_even_its_signer_cannot_say_that_something_else_was_consented_to(field: str) -> None:
    forged = relinked(receipt(), {CONSENT: {field: OTHER_TERMS[field]}})

    assert refused(forged) == "the client order id does not commit to these terms"


@pytest.mark.parametrize("place", [ORDER, BROKER_ORDER])
def test_all_ids_of_the_order_are_the_one_that_commits(place: int) -> None:
    forged = relinked(receipt(), {place: {"client_order_id": receipt(None).client_order_id}})

    assert refused(forged) == "the client order id does not commit to these terms"
    other = receipt().model_copy(update={"client_order_id": f"cs-{QUESTION_ID}"})
    assert refused(other) == "the client order id does not commit to these terms"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbol", "AAPL"),
        ("asset_class", "crypto"),
        ("side", "sell"),
        ("notional_usd", "10.01"),
        ("notional_usd", None),
        ("order_type", "limit"),
        ("time_in_force", "gtc"),
    ],
)
def test_the_order_is_the_one_that_was_consented_to(field: str, value: str) -> None:
    forged = relinked(receipt(), {ORDER: {field: value}})

    assert refused(forged) == f"the order's {field} is not the one that was consented to"


@pytest.mark.parametrize("sold", ["7", "6.5"])
def test_a_sale_may_be_of_fewer_units_than_were_consented_to(sold: str) -> None:
    assert checked(payload(sale_of(sold)))


@pytest.mark.parametrize("sold", ["7.01", None])
def test_no_order_is_of_more_units_than_were_consented_to(sold: str | None) -> None:
    assert refused(sale_of(sold)) == "the order is of more units than were consented to"


def sale_of(sold: str | None) -> Receipt:
    """The receipt of an order over `sold` units, of the seven that its user said yes to."""
    bound = terms(notional_usd=None, qty=Decimal(7))
    named = client_order_id(QUESTION_ID, USER, consented(bound, TEXT))
    size = {"notional_usd": None, "qty": sold, "client_order_id": named}
    return relinked(
        receipt(),
        {
            CONSENT: {"terms": bound.model_dump(mode="json")},
            ORDER: size,
            BROKER_ORDER: {"client_order_id": named},
        },
        client_order_id=named,
    )


def test_the_receipt_is_of_its_own_order() -> None:
    forged = receipt().model_copy(update={"order_id": OPPORTUNITY_ID})

    assert refused(forged) == "it is of another order"


def test_a_question_must_have_been_approved_in_time() -> None:
    late = (ASKED_AT + timedelta(minutes=15, microseconds=1)).isoformat()
    in_time = (ASKED_AT + timedelta(minutes=15)).isoformat()
    entries = receipt().entries
    unanswered = receipt().model_copy(
        update={"entries": (*entries[:ANSWER], *entries[ANSWER + 1 :])}
    )

    assert refused(relinked(unanswered)) == "its question was not approved"
    rejected = relinked(receipt(), {ANSWER: {"decision": "reject"}})
    assert refused(rejected) == "its question was not approved"
    assert "after it had expired" in refused(relinked(receipt(), {ANSWER: {"decided_at": late}}))
    assert checked(payload(relinked(receipt(), {ANSWER: {"decided_at": in_time}})))


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"null",
        b"{}",
        b"\xff",
        json.dumps(json.loads(payload(receipt()))).encode(),  # with blanks
        payload(receipt()).replace(b'"version":1', b'"version":2'),
        payload(receipt()).replace(b'"version":1', b'"more":1,"version":1'),
        payload(receipt()).replace(b'"id":8,', b'"id":8.5,'),
        payload(relinked(receipt(), {CONSENT: {"opportunity_id": 7}})),
        payload(relinked(receipt(), {CONSENT: {"terms": []}})),
        payload(relinked(receipt(), {ANSWER: {"decided_at": "yesterday"}})),
    ],
)
def test_what_is_no_receipt_is_refused_and_raises_nothing_else(odd: bytes) -> None:
    with pytest.raises(InvalidReceiptError):
        checked(odd)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_payload_raises_anything_else(odd: bytes) -> None:
    with pytest.raises(InvalidReceiptError):
        checked(odd)


def test_an_entry_names_what_it_is() -> None:
    (entry,) = linked([("fill", {"qty": "1"})])

    assert entry == Entry(type="fill", body={"qty": "1"}, previous=NOTHING_BEFORE, hash=entry.hash)
