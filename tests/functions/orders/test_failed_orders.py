"""An order that fails tells its user, and asks once whether to try again, unless they say no."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, rows
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import approved, asked, messages, order_row, submit, swipe

pytestmark = pytest.mark.usefixtures("environment")

REFUSAL = {"code": 40310000, "message": "insufficient buying power"}


def refuse(simulator: SimulatedBroker) -> None:
    simulator.faults.add("status", status=403, body=REFUSAL, method="POST", path="/v2/orders")


def asks_again(db: Database, **rule: Any) -> None:
    enroll(db, USER, rules=[{"id": "dip_confirm"} | rule])


def pending(db: Database) -> list[UUID]:
    found = rows(db, "SELECT question_id FROM confirmations WHERE status = 'pending'")
    return [row["question_id"] for row in found]


def test_a_rejected_order_asks_once_and_a_yes_is_a_new_order(
    db: Database, simulator: SimulatedBroker
) -> None:
    asks_again(db)
    refuse(simulator)
    first = approved(db)
    assert submit(first).status_code == 200

    (again,) = pending(db)
    reply = swipe(again, 10)
    second = UUID(reply.get_json()["order_id"])
    submit(second)

    question = messages(db, "questions-created")[-1]
    assert "insufficient buying power" in question["question_text"]
    assert question["follow_up_of"] == messages(db, "questions-created")[0]["question_id"]
    assert (order_row(db, first)["status"], order_row(db, second)["status"]) == (
        "rejected",
        "pending_new",
    )
    (sent,) = simulator.ledger.orders()
    assert sent.client_order_id.startswith(f"cs-{again}-")


def test_what_no_repetition_can_help_is_explained_and_not_asked_again(
    db: Database, simulator: SimulatedBroker
) -> None:
    asks_again(db)
    body = {"code": 40310100, "message": "trade denied due to pattern day trading protection"}
    simulator.faults.add("status", status=403, method="POST", path="/v2/orders", body=body)
    order_id = approved(db)
    submit(order_id)

    row = order_row(db, order_id)

    assert row["status"] == "rejected"
    assert row["reason"].startswith("it would be one day trade more than the account may make: ")
    assert "pattern day trading protection" in row["reason"]
    assert pending(db) == []


def test_leaving_it_orders_nothing(db: Database, simulator: SimulatedBroker) -> None:
    asks_again(db)
    refuse(simulator)
    submit(approved(db))

    swipe(pending(db)[0], -10)

    assert simulator.ledger.orders() == []
    assert len(rows(db, "SELECT 1 FROM trade_orders")) == 1


def test_the_second_failure_asks_no_more(db: Database, simulator: SimulatedBroker) -> None:
    asks_again(db)
    refuse(simulator)
    submit(approved(db))
    refuse(simulator)

    submit(UUID(swipe(pending(db)[0], 10).get_json()["order_id"]))

    assert pending(db) == []
    updates = [message["status"] for message in messages(db, "trade-updates")]
    assert updates == ["rejected", "rejected"]


def test_who_wants_no_second_question_is_told_and_not_asked(
    db: Database, simulator: SimulatedBroker
) -> None:
    asks_again(db, ask_again_on_failure=False)
    refuse(simulator)

    submit(approved(db))

    assert pending(db) == []
    (update,) = messages(db, "trade-updates")
    assert update["status"] == "rejected"
    assert "403: insufficient buying power" in update["reason"]


def test_who_switched_the_rule_off_meanwhile_is_not_asked(
    db: Database, simulator: SimulatedBroker
) -> None:
    asks_again(db)
    order_id = unexecuted(db, simulator)
    with db.transaction() as tx:
        tx.run(
            "UPDATE user_trading_config SET config = CAST(:config AS jsonb)",
            config=json.dumps({"rules": [{"id": "dip_confirm", "enabled": False}]}),
        )
    simulator.clock.advance(timedelta(hours=6))

    reconcile()

    assert order_row(db, order_id)["status"] == "expired"
    assert pending(db) == []


def test_an_order_that_the_broker_lets_expire_asks_too(
    db: Database, simulator: SimulatedBroker
) -> None:
    asks_again(db)
    order_id = unexecuted(db, simulator)
    simulator.clock.advance(timedelta(hours=6))

    reconcile()

    assert order_row(db, order_id)["status"] == "expired"
    (again,) = pending(db)
    (text,) = rows(db, "SELECT question_text FROM questions WHERE id = :id", id=again)
    assert "it was expired by the broker" in text["question_text"]


def test_an_order_that_had_failed_when_it_was_found_again_asks_too(
    db: Database, simulator: SimulatedBroker
) -> None:
    asks_again(db)
    simulator.switches.fill_delay_seconds = 10_000_000
    order_id = approved(db)
    simulator.faults.add("accept_then_504", method="POST", path="/v2/orders")
    assert submit(order_id).status_code == 500  # its outcome is unknown
    simulator.clock.advance(timedelta(hours=6))

    assert submit(order_id).status_code == 200

    assert order_row(db, order_id)["status"] == "expired"
    (again,) = pending(db)
    (text,) = rows(db, "SELECT question_text FROM questions WHERE id = :id", id=again)
    assert "it was expired by the broker" in text["question_text"]
    assert len(simulator.ledger.orders()) == 1


def test_what_could_only_be_denied_is_told_and_not_asked_again(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER, guardrails={"max_orders_per_day": 1})
    order_id = unexecuted(db, simulator)
    simulator.clock.advance(timedelta(hours=6))

    reconcile()

    assert order_row(db, order_id)["status"] == "expired"
    assert messages(db, "trade-updates")[-1]["status"] == "expired"
    assert pending(db) == []


def test_a_rejected_order_has_given_its_slot_back_and_is_asked_again(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER, guardrails={"max_orders_per_day": 1})
    refuse(simulator)

    submit(approved(db))

    assert len(pending(db)) == 1


def test_while_the_rule_asks_anew_there_is_no_second_question(
    db: Database, simulator: SimulatedBroker
) -> None:
    asks_again(db, cooldown_seconds=0)
    refuse(simulator)
    first = approved(db)
    simulator.clock.advance(timedelta(seconds=61))
    another = asked(db)

    assert submit(first).status_code == 200

    assert pending(db) == [another]
    assert order_row(db, first)["status"] == "rejected"


def unexecuted(db: Database, simulator: SimulatedBroker) -> UUID:
    """Place an order that the broker does not get to execute before its session ends."""
    simulator.switches.fill_delay_seconds = 10_000_000
    order_id = approved(db)
    submit(order_id)
    return order_id
