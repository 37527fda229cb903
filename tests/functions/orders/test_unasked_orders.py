"""`require_question_before_order: false`: the owner's yes was given once, in their config."""

import pytest

from common.messages import OrderApproved
from common.model import parse_json
from common.receipts.consent import client_order_id
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, rows
from tests.functions.steps import limit, messages, submit, tick
from tests.functions.test_rule_status import status

pytestmark = pytest.mark.usefixtures("environment")


def test_a_fired_rule_orders_without_asking(db: Database, simulator: SimulatedBroker) -> None:
    enroll(db, USER, guardrails={"require_question_before_order": False})

    tick()

    (order,) = rows(db, "SELECT * FROM trade_orders")
    assert (order["status"], order["question_id"]) == ("approved", None)
    assert order["client_order_id"] == client_order_id(
        order["opportunity_id"], USER, order["consented"]
    )
    shown = parse_json(order["consented"])
    assert (shown["question_text"], shown["terms"]["notional_usd"]) == (None, "10")
    assert rows(db, "SELECT 1 FROM questions") == []
    (announced,) = messages(db, "orders-approved")
    assert OrderApproved.from_document(announced).order_id == order["id"]
    submit(order["id"])
    (at_broker,) = simulator.ledger.orders()
    assert at_broker.client_order_id == order["client_order_id"]


def test_it_fires_once_however_often_it_is_evaluated(db: Database) -> None:
    enroll(db, USER, guardrails={"require_question_before_order": False})

    tick()
    tick()

    assert len(rows(db, "SELECT 1 FROM trade_orders")) == 1


def test_nothing_is_ordered_that_a_guardrail_would_deny(db: Database) -> None:
    limits = {"require_question_before_order": False, "max_orders_per_day": 0}
    enroll(db, USER, guardrails=limits)

    tick()

    assert rows(db, "SELECT 1 FROM trade_orders") == []
    assert status(db)["held_back"] == {"MAX_ORDERS_PER_DAY": 1}


def test_the_same_guardrails_stand_in_its_way(db: Database, simulator: SimulatedBroker) -> None:
    enroll(db, USER, guardrails={"require_question_before_order": False})
    tick()
    (order,) = rows(db, "SELECT id FROM trade_orders")
    limit(db, max_orders_per_day=0)

    submit(order["id"])

    assert rows(db, "SELECT denial_code FROM trade_orders") == [
        {"denial_code": "MAX_ORDERS_PER_DAY"}
    ]
    assert simulator.ledger.orders() == []


def test_who_wants_to_be_asked_again_is_not_overrun(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER, guardrails={"require_question_before_order": False})
    tick()
    (order,) = rows(db, "SELECT id FROM trade_orders")
    with db.transaction() as tx:
        tx.run("UPDATE user_trading_config SET config = '{}'")

    submit(order["id"])

    (row,) = rows(db, "SELECT denial_code, reason FROM trade_orders")
    assert row == {"denial_code": "QUESTION_NOT_APPROVED", "reason": "status=not asked"}
    assert simulator.ledger.orders() == []
