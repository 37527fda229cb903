"""Terms, a trace and its receipt, that the tests of receipts start from."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from common.questions import Terms
from common.receipts.chain import linked
from common.receipts.consent import client_order_id, consented
from common.receipts.receipt import Receipt, receipt_of
from tests.unit import samples

ASKED_AT = datetime(2026, 2, 10, 15, 0, tzinfo=UTC)
TEXT = "SPY is down 1.6% vs yesterday. Buy $10?"
USER = "user-1"


def terms(**changes: Any) -> Terms:
    values: dict[str, Any] = {
        "as_of": ASKED_AT,
        "snapshot_ids": (8, 9),
        "config_hash": "e97f4aee77bcc6da",
        "asked_at": ASKED_AT,
        "expires_at": ASKED_AT + timedelta(minutes=15),
    }
    return samples.terms(**values | changes)


ORDER_ID = UUID(int=1)
QUESTION_ID = UUID(int=2)
OPPORTUNITY_ID = UUID(int=3)
ISSUED_AT = ASKED_AT + timedelta(hours=1)


def consent(question_id: UUID | None = QUESTION_ID) -> dict[str, Any]:
    shown = consented(terms(), TEXT if question_id else None)
    return {
        "firebase_uid": USER,
        "question_id": question_id,
        "opportunity_id": OPPORTUNITY_ID,
        "consented": shown,
    }


def trace(question_id: UUID | None = QUESTION_ID, status: str = "filled") -> dict[str, Any]:
    """The parts of an order's trace that a receipt is made of."""
    origin = question_id or OPPORTUNITY_ID
    order_client_id = client_order_id(origin, USER, consent(question_id)["consented"])
    sent = {"id": "b-1", "client_order_id": order_client_id, "status": status}
    return {
        "snapshots": [{"id": number, "price": Decimal(492)} for number in (8, 9)],
        "opportunity": {"id": OPPORTUNITY_ID, "fired_at": ASKED_AT},
        "rule": {"id": "dip", "config_hash": "e97f4aee77bcc6da"},
        "question": {"text": TEXT},
        "answer": {
            "value": Decimal(10),
            "decision": "approve",
            "decided_at": ASKED_AT + timedelta(minutes=1),
        }
        if question_id
        else None,
        "order": {
            "id": ORDER_ID,
            "client_order_id": order_client_id,
            "symbol": "SPY",
            "asset_class": "us_equity",
            "side": "buy",
            "notional_usd": Decimal(10),
            "qty": None,
            "order_type": "market",
            "time_in_force": "day",
            "status": status,
        },
        "guardrails": {"verdict": "passed"},
        "broker_order": sent if status == "filled" else None,
        "fills": [{"id": 1, "qty": Decimal("0.02")}] if status == "filled" else [],
        "trades": [],
        "kpis": [],
    }


def receipt(question_id: UUID | None = QUESTION_ID, status: str = "filled") -> Receipt:
    return receipt_of(trace(question_id, status), consent(question_id), ISSUED_AT)


def relinked(
    found: Receipt, bodies: dict[int, dict[str, Any]] | None = None, **changes: Any
) -> Receipt:
    """Return a receipt with other bodies, hashed anew: what only its signer could make."""
    happened = [
        (entry.type, {**entry.body, **(bodies or {}).get(number, {})})
        for number, entry in enumerate(found.entries)
    ]
    return found.model_copy(update={"entries": linked(happened), **changes})
