import json
import threading
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from standardwebhooks import Webhook
from werkzeug.test import TestResponse

from common.model import parse_json
from common.questions import Answer, Decision
from common.receipts.consent import client_order_id
from functions import wiring
from infra.local.app_backend import signed_headers
from infra.local.stack import WEBHOOK_SECRET
from infra.postgres.database import Database
from infra.postgres.trading import confirmations
from infra.runtime.clock import SystemClock
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, USER, enroll, function, rows
from tests.functions.steps import asked, messages, order_row, swipe

pytestmark = pytest.mark.usefixtures("environment", "user")


def everything(db: Database) -> list[Any]:
    """All that an answer could have changed."""
    tables = ("confirmations", "trade_orders", "outbox")
    return [rows(db, f"SELECT * FROM {table} ORDER BY 1") for table in tables]  # noqa: S608


def code(reply: TestResponse) -> str:
    found: str = reply.get_json()["error"]["code"]
    return found


def test_a_yes_becomes_an_approved_order_and_its_announcement(db: Database) -> None:
    question_id = asked(db)

    reply = swipe(question_id, 10)

    assert reply.status_code == 200
    body = reply.get_json()
    assert (body["question_id"], body["decision"]) == (str(question_id), "approve")
    order = order_row(db, uuid.UUID(body["order_id"]))
    assert (order["status"], order["symbol"], order["notional_usd"]) == ("approved", "SPY", 10)
    assert order["client_order_id"] == client_order_id(question_id, USER, order["consented"])
    (question,) = rows(db, "SELECT question_text AS text, metadata FROM questions")
    shown = parse_json(order["consented"])
    assert shown == {"question_text": question["text"], "terms": question["metadata"]}
    assert messages(db, "orders-approved") == [{"order_id": body["order_id"]}]


@pytest.mark.parametrize(
    ("value", "decision"), [(-10, "reject"), (-5, "reject"), (0, "ambiguous"), (4.9, "ambiguous")]
)
def test_anything_but_a_yes_orders_nothing(db: Database, value: float, decision: str) -> None:
    reply = swipe(asked(db), value)

    assert (reply.status_code, reply.get_json()["decision"]) == (200, decision)
    assert reply.get_json()["order_id"] is None
    assert rows(db, "SELECT 1 FROM trade_orders") == []
    (stored,) = rows(db, "SELECT status, answer FROM confirmations WHERE follow_up_of IS NULL")
    assert (stored["status"], float(stored["answer"])) == (decision, value)


def test_a_repeat_gets_the_same_reply_and_changes_nothing(db: Database) -> None:
    question_id = asked(db)
    first = swipe(question_id, 10)
    before = everything(db)

    again = swipe(question_id, 8)

    assert (again.status_code, again.get_json()) == (200, first.get_json())
    assert everything(db) == before


@pytest.mark.parametrize(("first", "then"), [(10, -10), (-10, 10), (0, 10), (10, 0)])
def test_a_contradiction_is_refused_and_changes_nothing(
    db: Database, first: int, then: int
) -> None:
    question_id = asked(db)
    swipe(question_id, first)
    before = everything(db)

    reply = swipe(question_id, then)

    assert (reply.status_code, code(reply)) == (409, "contradiction")
    assert everything(db) == before


def test_another_users_question_is_refused_and_changes_nothing(db: Database) -> None:
    enroll(db, "intruder")
    question_id = asked(db)
    before = everything(db)

    reply = swipe(question_id, 10, "intruder")

    assert (reply.status_code, code(reply)) == (403, "wrong_user")
    assert everything(db) == before


def test_an_unknown_question_is_not_found(db: Database) -> None:
    before = everything(db)

    reply = swipe(uuid.uuid4(), 10)

    assert (reply.status_code, code(reply)) == (404, "unknown_question")
    assert everything(db) == before


def test_a_question_that_the_app_deleted_is_not_found_and_orders_nothing(db: Database) -> None:
    question_id = asked(db)
    rows(db, "DELETE FROM questions RETURNING id")
    before = everything(db)

    reply = swipe(question_id, 10)

    assert (reply.status_code, code(reply)) == (404, "unknown_question")
    assert everything(db) == before


def test_an_expired_question_orders_nothing(db: Database, simulator: SimulatedBroker) -> None:
    question_id = asked(db)
    simulator.clock.advance(timedelta(seconds=901))
    before = everything(db)

    reply = swipe(question_id, 10, answered_at=NOON.isoformat())

    assert (reply.status_code, code(reply)) == (410, "expired")
    assert everything(db) == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"answer": 11}, "answer"),
        ({"answer": "yes"}, "answer"),
        ({"answer": None}, "answer"),
        ({"question_id": "seven"}, "question_id"),
        ({"firebase_uid": ""}, "firebase_uid"),
        ({"answered_at": "yesterday"}, "answered_at"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_malformed_body_is_answered_with_its_field(
    db: Database, changes: dict[str, Any], field: str
) -> None:
    question_id = asked(db)
    before = everything(db)

    arguments: dict[str, Any] = {"question_id": question_id, "value": 10} | _arguments(changes)
    reply = swipe(**arguments)

    assert (reply.status_code, code(reply)) == (422, "malformed")
    assert field in reply.get_json()["error"]["message"]
    assert everything(db) == before


def _arguments(changes: dict[str, Any]) -> dict[str, Any]:
    names = {"answer": "value", "firebase_uid": "uid"}
    return {names.get(key, key): value for key, value in changes.items()}


BODY = json.dumps({"question_id": "x"})


def signed_at(at: datetime, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, BODY),
    }


NOW = SystemClock().now()
GOOD = signed_at(NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**GOOD, "webhook-signature": ""},
        {**GOOD, "webhook-signature": "v1"},
        {**GOOD, "webhook-signature": "v1,AAAA"},
        {**GOOD, "webhook-signature": "v1,not base64!"},
        {**GOOD, "webhook-signature": "v2," + GOOD["webhook-signature"][3:]},
        {**GOOD, "webhook-id": "msg_2"},
        {**GOOD, "webhook-timestamp": "soon"},
        {**GOOD, "webhook-timestamp": "1e400"},
        signed_at(NOW - timedelta(minutes=6)),
        signed_at(NOW + timedelta(hours=1)),
        signed_at(datetime(2000, 1, 1, tzinfo=UTC)),
        signed_at(NOW, "whsec_" + "b3RoZXI="),
    ],
)
def test_a_wrong_missing_or_old_signature_is_refused_before_the_body_is_read(
    db: Database, headers: dict[str, str]
) -> None:
    before = everything(db)

    reply = function("answer").post("/", data=BODY, headers=headers)

    assert (reply.status_code, code(reply)) == (401, "invalid_signature")
    assert WEBHOOK_SECRET not in reply.text
    assert everything(db) == before


def test_the_signature_is_over_the_raw_bytes() -> None:
    body = json.dumps({"question_id": "x"})
    headers = signed_headers(WEBHOOK_SECRET, body)

    tampered = function("answer").post("/", data=body + " ", headers=headers)
    binary = function("answer").post("/", data=b"\xff\xfe", headers=headers)

    assert (tampered.status_code, binary.status_code) == (401, 401)


def test_without_a_secret_nothing_is_accepted(
    environment: pytest.MonkeyPatch, db: Database
) -> None:
    question_id = asked(db)
    environment.setenv("ANSWER_WEBHOOK_SECRET", "")
    wiring.reset()

    reply = swipe(question_id, 10)

    assert reply.status_code == 500
    assert rows(db, "SELECT 1 FROM trade_orders") == []


def test_of_a_yes_and_a_no_at_once_the_first_stands(db: Database) -> None:
    question_id = asked(db)
    barrier = threading.Barrier(2)
    replies = {}

    def race(value: int) -> None:
        barrier.wait()
        replies[value] = swipe(question_id, value).status_code

    threads = [threading.Thread(target=race, args=(value,)) for value in (10, -10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(replies.values()) == [200, 409]
    orders = rows(db, "SELECT 1 FROM trade_orders")
    assert len(orders) == (1 if replies[10] == 200 else 0)


def test_a_yes_delivered_many_times_at_once_is_one_order(db: Database) -> None:
    question_id = asked(db)
    barrier = threading.Barrier(4)
    replies = []

    def race() -> None:
        barrier.wait()
        replies.append(swipe(question_id, 10).get_json()["order_id"])

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(replies)) == 1
    assert len(messages(db, "orders-approved")) == 1


def test_an_answer_is_kept_when_its_announcement_cannot_be_published(
    environment: pytest.MonkeyPatch, db: Database
) -> None:
    question_id = asked(db)
    environment.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")  # nothing listens there
    wiring.reset()

    reply = swipe(question_id, 10)

    assert reply.status_code == 200
    (waiting,) = rows(db, "SELECT topic FROM outbox WHERE published_at IS NULL")
    assert waiting["topic"] == "orders-approved"


def test_users_answer_their_own_questions_only(db: Database) -> None:
    enroll(db, "user-2")
    asked(db)
    question_of = {
        r["firebase_uid"]: r["question_id"] for r in rows(db, "SELECT * FROM confirmations")
    }

    replies = [swipe(question_of["user-2"], 10, USER), swipe(question_of["user-2"], 10, "user-2")]

    assert [r.status_code for r in replies] == [403, 200]


def test_an_answer_waits_for_the_one_that_is_being_decided(db: Database) -> None:
    question_id = asked(db)
    statuses: list[int] = []
    late = threading.Thread(target=lambda: statuses.append(swipe(question_id, 10).status_code))

    with db.transaction() as tx:  # another instance is deciding: no
        assert confirmations.lock(tx, question_id) is not None
        late.start()
        late.join(0.2)
        waited = late.is_alive()
        received = Answer(
            question_id=question_id, firebase_uid=USER, answer=Decimal(-10), answered_at=NOON
        )
        confirmations.decide(tx, received, Decision.REJECT, NOON)
    late.join()

    assert waited
    assert statuses == [409]
    assert rows(db, "SELECT 1 FROM trade_orders") == []
