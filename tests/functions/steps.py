"""The steps of an order's way, each through its own deployed function."""

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from werkzeug.test import TestResponse

from common.messages import Message, OrderApproved, SnapshotsIngested
from infra.local.app_backend import signed_headers
from infra.local.stack import WEBHOOK_SECRET
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, USER, enroll, function, rows


def deliver(
    name: str, message: Message | bytes, message_id: str = "1", **fields: Any
) -> TestResponse:
    """Deliver a message to a function as Eventarc does; `fields` are the Pub/Sub message's."""
    headers, body = event(message, message_id, **fields)
    return function(name).post("/", data=body, headers=headers)


def event(
    message: Message | bytes, message_id: str = "1", **fields: Any
) -> tuple[dict[str, str], str]:
    """Return headers and body of a binary CloudEvent around a Pub/Sub message."""
    data = message if isinstance(message, bytes) else message.model_dump_json().encode()
    headers = {
        "ce-id": message_id,
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce-source": "//pubsub.googleapis.com/projects/p/topics/t",
        "ce-specversion": "1.0",
        "content-type": "application/json",
    }
    body = {"message": {"data": base64.b64encode(data).decode(), "messageId": message_id, **fields}}
    return headers, json.dumps(body)


def push(name: str, message: Message, message_id: str = "1") -> TestResponse:
    """Deliver a message as a Pub/Sub push subscription does: its bare envelope."""
    data = base64.b64encode(message.model_dump_json().encode()).decode()
    envelope = {
        "message": {"data": data, "messageId": message_id, "publishTime": "2026-02-10T17:00:00Z"},
        "subscription": "projects/p/subscriptions/s",
    }
    return function(name).post("/", json=envelope)


def tick() -> TestResponse:
    """Ingest, and evaluate what it announced."""
    reply = function("ingest").post("/")
    assert reply.status_code == 200, reply.text
    return deliver("evaluate", SnapshotsIngested(ingested_at=NOON, stored=1))


def swipe(question_id: UUID | str, value: object, uid: str = USER, **changes: Any) -> TestResponse:
    """Send a signed answer as the app backend does."""
    body = json.dumps(
        {
            "question_id": str(question_id),
            "firebase_uid": uid,
            "answer": value,
            "answered_at": NOON.isoformat(),
        }
        | changes
    )
    headers = signed_headers(WEBHOOK_SECRET, body)
    return function("answer").post("/", data=body, headers=headers)


def asked(db: Database, uid: str = USER) -> UUID:
    """Tick, and return the user's pending question."""
    assert tick().status_code == 200
    (pending,) = rows(
        db,
        "SELECT question_id FROM confirmations WHERE firebase_uid = :uid AND status = 'pending'",
        uid=uid,
    )
    question_id: UUID = pending["question_id"]
    return question_id


def approved(db: Database, uid: str = USER) -> UUID:
    """Ask, say yes, and return the approved order."""
    reply = swipe(asked(db, uid), 10, uid)
    assert reply.status_code == 200, reply.text
    return UUID(reply.get_json()["order_id"])


def limit(db: Database, uid: str = USER, **guardrails: Any) -> None:
    """Change what a user allows, after they were asked."""
    with db.transaction() as tx:
        tx.run(
            "UPDATE user_trading_config SET config = jsonb_set(config, '{guardrails}',"
            " coalesce(config -> 'guardrails', '{}') || CAST(:guardrails AS jsonb))"
            " WHERE firebase_uid = :uid",
            guardrails=json.dumps(guardrails),
            uid=uid,
        )


def filled(db: Database, simulator: SimulatedBroker) -> UUID:
    """Bring a new user's order the whole way, and return it."""
    enroll(db, USER)
    order_id = approved(db)
    submit(order_id)
    simulator.clock.advance(timedelta(seconds=5))
    assert function("reconcile_orders").post("/").status_code == 200
    return order_id


def submit(order_id: UUID) -> TestResponse:
    """Deliver the order's approval."""
    return deliver("submit_order", OrderApproved(order_id=order_id))


def order_row(db: Database, order_id: UUID) -> dict[str, Any]:
    """Read an order as it is stored."""
    (row,) = rows(db, "SELECT * FROM trade_orders WHERE id = :id", id=order_id)
    return row


def messages(db: Database, topic: str) -> list[dict[str, Any]]:
    """Read what was announced on a topic."""
    found = rows(db, "SELECT payload FROM outbox WHERE topic = :topic ORDER BY id", topic=topic)
    return [row["payload"] for row in found]
