"""A question answered with the user's own token: what the signed webhook does, and no more."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import enroll, rows
from tests.functions.account.account import Account
from tests.functions.steps import asked, order_row, submit, swipe

pytestmark = pytest.mark.usefixtures("user")


def test_a_yes_with_a_token_becomes_an_order_at_the_broker(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    question_id = asked(db)

    reply = account.answer(question_id, answer=10)

    assert (reply.status_code, reply.get_json()["decision"]) == (200, "approve")
    order_id = UUID(reply.get_json()["order_id"])
    assert submit(order_id).status_code == 200
    (sent,) = simulator.ledger.orders()
    assert sent.client_order_id.startswith(f"cs-{question_id}-")
    assert order_row(db, order_id)["question_id"] == question_id


def test_webhook_and_token_decide_alike_and_only_once(account: Account, db: Database) -> None:
    question_id = asked(db)

    first = swipe(question_id, 10)
    again = account.answer(question_id, answer=10)
    other = account.answer(question_id, answer=-10)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.get_json() == first.get_json()
    assert (other.status_code, other.get_json()["error"]["code"]) == (409, "contradiction")
    assert len(rows(db, "SELECT 1 FROM trade_orders")) == 1


def test_anothers_question_is_not_there(account: Account, db: Database) -> None:
    question_id = asked(db)
    enroll(db, "stranger")
    stranger = Account(account.key_file, "stranger")

    reply = stranger.answer(question_id, answer=10)
    unknown = stranger.answer(uuid4(), answer=10)

    assert (reply.status_code, unknown.status_code) == (404, 404)
    assert reply.get_json() == unknown.get_json(), "nobody learns that it exists"
    assert rows(db, "SELECT 1 FROM trade_orders") == []


def test_after_its_time_a_question_is_gone(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    question_id = asked(db)
    simulator.clock.advance(timedelta(hours=1))

    reply = account.answer(question_id, answer=10)

    assert (reply.status_code, reply.get_json()["error"]["code"]) == (410, "expired")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "answer"),
        ({"answer": "10"}, "answer"),
        ({"answer": 11}, "answer"),
        ({"answer": 10, "answered_at": "yesterday"}, "answered_at"),
        ({"answer": 10, "swiped_with": "left hand"}, "swiped_with"),
        ({"answer": 10, "firebase_uid": "someone-else"}, "firebase_uid"),
    ],
)
def test_a_malformed_answer_names_the_field(
    account: Account, db: Database, body: dict[str, object], path: str
) -> None:
    reply = account.answer(asked(db), **body)

    assert reply.status_code == 422
    assert [each["path"] for each in reply.get_json()["error"]["problems"]] == [path]


def test_a_parameter_that_there_is_not_is_named_and_nothing_is_answered(
    account: Account, db: Database
) -> None:
    question_id = asked(db)

    reply = account.call(
        "POST", f"/v1/me/questions/{question_id}/answer?uid=me", json={"answer": 10}
    )

    assert reply.status_code == 422
    assert [each["path"] for each in reply.get_json()["error"]["problems"]] == ["uid"]
    assert rows(db, "SELECT status FROM confirmations") == [{"status": "pending"}]
