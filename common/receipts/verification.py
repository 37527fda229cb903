"""Checks what a signature cannot: that a receipt agrees with itself and with its order's id."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar, get_args
from uuid import UUID

from pydantic import ValidationError

from common.bounds import Instant
from common.errors import InvalidReceiptError, MalformedMessageError
from common.model import Exact, WireModel, problems
from common.receipts.canonical import canonical
from common.receipts.chain import EntryType, check_links
from common.receipts.consent import client_order_id
from common.receipts.receipt import Receipt

_ORDER = get_args(EntryType)
_ONCE = {"opportunity", "consent", "order", "guardrails"}
_MANY = {"snapshot", "fill"}


class _Agreed(WireModel):
    """What an order has in common with the terms, whatever happens to it."""

    symbol: str
    asset_class: str
    side: str
    notional_usd: Exact | None
    order_type: str
    time_in_force: str


class _Terms(_Agreed):
    qty: Exact | None
    expires_at: Instant


class _Consent(WireModel):
    firebase_uid: str
    question_id: UUID | None
    opportunity_id: UUID
    question_text: str | None
    terms: dict[str, Any]


class _Answer(WireModel):
    decision: str
    decided_at: Instant


class _Order(_Agreed):
    id: UUID
    client_order_id: str
    qty: Exact | None


class _BrokerOrder(WireModel):
    client_order_id: str


_Body = TypeVar("_Body", bound=WireModel)


def checked(payload: bytes) -> Receipt:
    """Read a receipt whose signature is good; raises InvalidReceiptError.

    It is in the form that was signed, its chain is whole and in order, its order is the one that
    was consented to, and the order's id at the broker is the one that the terms lead to.
    """
    try:
        receipt = Receipt.from_json(payload)
        if receipt.to_canonical().encode() != payload:
            raise InvalidReceiptError("it is not in its canonical form")
        check_links(receipt.entries)
        _check_order_of_entries(receipt)
        _check_consent(receipt)
    except MalformedMessageError as error:
        raise InvalidReceiptError(str(error)) from error
    except ValidationError as error:
        raise InvalidReceiptError("; ".join(problems(error))) from error
    return receipt


def _check_order_of_entries(receipt: Receipt) -> None:
    kinds = [entry.type for entry in receipt.entries]
    if kinds != sorted(kinds, key=_ORDER.index):
        raise InvalidReceiptError("its entries are not in the order in which they happened")
    counts = Counter(kinds)
    for kind in _ORDER:
        if counts[kind] > 1 and kind not in _MANY:
            raise InvalidReceiptError(f"it has more than one {kind}")
        if counts[kind] == 0 and kind in _ONCE:
            raise InvalidReceiptError(f"it has no {kind}")
    if counts["fill"] and not counts["broker_order"]:
        raise InvalidReceiptError("it has a fill and no broker_order")


def _check_consent(receipt: Receipt) -> None:
    (consent,), (order,) = _bodies(receipt, "consent", _Consent), _bodies(receipt, "order", _Order)
    at_broker = _bodies(receipt, "broker_order", _BrokerOrder)
    ids = {receipt.client_order_id, order.client_order_id}
    ids |= {each.client_order_id for each in at_broker}
    shown = canonical({"question_text": consent.question_text, "terms": consent.terms})
    origin = consent.question_id or consent.opportunity_id
    if ids != {client_order_id(origin, consent.firebase_uid, shown)}:
        raise InvalidReceiptError("the client order id does not commit to these terms")
    if order.id != receipt.order_id:
        raise InvalidReceiptError("it is of another order")
    terms = _Terms.model_validate(consent.terms)
    for name in _Agreed.model_fields:
        if getattr(order, name) != getattr(terms, name):
            raise InvalidReceiptError(f"the order's {name} is not the one that was consented to")
    if (order.qty is None) != (terms.qty is None) or (order.qty or 0) > (terms.qty or 0):
        raise InvalidReceiptError("the order is of more units than were consented to")
    if consent.question_id is not None:
        _check_answers(_bodies(receipt, "answer", _Answer), terms.expires_at)


def _check_answers(answers: Sequence[_Answer], expires_at: datetime) -> None:
    if [each.decision for each in answers] != ["approve"]:
        raise InvalidReceiptError("its question was not approved")
    if answers[0].decided_at > expires_at:
        raise InvalidReceiptError("its question was approved after it had expired")


def _bodies(receipt: Receipt, kind: EntryType, model: type[_Body]) -> list[_Body]:
    """Read the entries of a kind."""
    return [model.model_validate(entry.body) for entry in receipt.entries if entry.type == kind]
