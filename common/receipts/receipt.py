"""A receipt: an order's chain from the facts that its rule saw to its fills."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from common.bounds import Instant
from common.model import Model, parse_json
from common.receipts.canonical import canonical
from common.receipts.chain import Entry, EntryType, linked
from common.wire import to_wire


class Receipt(Model):
    """An order's chain as it is signed; `client_order_id` is its id in the broker's records."""

    version: Literal[1] = 1
    order_id: UUID
    client_order_id: str
    issued_at: Instant
    entries: tuple[Entry, ...]

    def to_canonical(self) -> str:
        """Write it as the JSON that is signed; raises MalformedMessageError where it has none."""
        return canonical(self.model_dump(mode="json"))


def receipt_of(trace: Mapping[str, Any], consent: Mapping[str, Any], now: datetime) -> Receipt:
    """Make the receipt of an order as it stands.

    `trace` is its chain as the account API shows it. `consent` says who was asked which question
    about which opportunity, and as `consented` what they were shown.
    """
    return Receipt(
        order_id=trace["order"]["id"],
        client_order_id=trace["order"]["client_order_id"],
        issued_at=now,
        entries=linked(_happened(to_wire(trace), to_wire(consent))),
    )


def _happened(
    trace: Mapping[str, Any], consent: Mapping[str, Any]
) -> Iterator[tuple[EntryType, Mapping[str, Any]]]:
    """Yield the parts of the chain that there are, in the order in which they happened."""
    yield from (("snapshot", snapshot) for snapshot in trace["snapshots"])
    yield "opportunity", {**trace["opportunity"], "rule": trace["rule"]}
    asked = {name: consent[name] for name in ("firebase_uid", "question_id", "opportunity_id")}
    yield "consent", {**asked, **parse_json(consent["consented"])}
    if trace["answer"] is not None:
        yield "answer", trace["answer"]
    yield "order", trace["order"]
    yield "guardrails", trace["guardrails"]
    if trace["broker_order"] is not None:
        yield "broker_order", trace["broker_order"]
    yield from (("fill", fill) for fill in trace["fills"])
