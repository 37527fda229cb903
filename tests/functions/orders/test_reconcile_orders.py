from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from infra.simulator.ledger.orders import Status
from tests.conftest import USER, enroll, function, rows
from tests.functions.steps import approved, asked, messages, order_row, submit, swipe

pytestmark = pytest.mark.usefixtures("environment")


def reconcile() -> dict[str, Any]:
    reply = function("reconcile_orders").post("/")
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.get_json()
    return body


@pytest.mark.usefixtures("user")
def test_a_fill_is_booked_once_and_opens_a_trade(db: Database, simulator: SimulatedBroker) -> None:
    order_id = approved(db)
    submit(order_id)
    simulator.clock.advance(timedelta(seconds=5))

    first, second = reconcile(), reconcile()

    assert (first["changed"], second["changed"]) == (1, 0)
    row = order_row(db, order_id)
    assert (row["status"], row["filled_avg_price"]) == ("filled", Decimal("492.01"))
    (fill,) = rows(db, "SELECT * FROM fills")
    (trade,) = rows(db, "SELECT * FROM trades")
    assert (fill["qty"], fill["price"]) == (row["filled_qty"], Decimal("492.01"))
    assert (trade["qty"], trade["avg_entry_price"]) == (fill["qty"], Decimal("492.01"))
    assert trade["opening_order_id"] == order_id
    (held,) = simulator.ledger.positions()
    assert held.qty == trade["qty"]
    assert [m["status"] for m in messages(db, "trade-updates")] == ["pending_new", "filled"]


def test_buying_twice_and_selling_reduces_one_trade(
    db: Database, simulator: SimulatedBroker
) -> None:
    action = {"action": "propose_order", "side": "buy", "notional_usd": 10}
    rule = {"id": "dip_confirm", "cooldown_seconds": 60, "on_answer_match": action}
    enroll(db, USER, rules=[rule])
    for side in ("buy", "buy", "sell"):
        with db.transaction() as tx:
            tx.run("DELETE FROM user_trading_config")
        enroll(db, USER, rules=[rule | {"on_answer_match": action | {"side": side}}])
        submit(approved(db))
        simulator.clock.advance(timedelta(minutes=2))
        reconcile()

    (trade,) = rows(db, "SELECT * FROM trades")
    (held,) = simulator.ledger.positions()
    assert trade["qty"] == held.qty
    assert trade["closed_at"] is None
    assert trade["realized_pnl"] < 0  # bought at the ask, sold at the bid
    parts = rows(db, "SELECT qty FROM trade_fills")
    assert sum(part["qty"] for part in parts) == trade["qty"]


@pytest.mark.usefixtures("user")
def test_questions_that_nobody_answered_expire(db: Database, simulator: SimulatedBroker) -> None:
    question_id = asked(db)
    simulator.clock.advance(timedelta(seconds=901))

    reply = reconcile()

    assert reply["expired_questions"] == 1
    assert swipe(question_id, 10).status_code == 410
    assert rows(db, "SELECT status FROM confirmations") == [{"status": "expired"}]


@pytest.mark.usefixtures("user")
def test_an_order_canceled_at_the_broker_ends_canceled(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.switches.fill_delay_seconds = 60
    order_id = approved(db)
    submit(order_id)
    (at_broker,) = simulator.ledger.orders()
    cancel = simulator.app.test_client().delete(
        f"/v2/orders/{at_broker.id}",
        headers={"APCA-API-KEY-ID": "sim-key", "APCA-API-SECRET-KEY": "sim-secret"},
    )

    reconcile()

    assert cancel.status_code == 204
    assert order_row(db, order_id)["status"] == "canceled"
    assert messages(db, "trade-updates")[-1]["status"] == "canceled"


@pytest.mark.usefixtures("user")
def test_an_execution_that_the_broker_reports_after_the_cancellation_is_booked(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.switches.fill_delay_seconds = 60
    order_id = approved(db)
    submit(order_id)
    (order,) = simulator.ledger.orders()
    simulator.matching.end(order, Status.CANCELED)
    reconcile()
    assert order_row(db, order_id)["status"] == "canceled"

    # The fill that overtook the cancellation is reported a minute later.
    simulator.clock.advance(timedelta(minutes=1))
    simulator.ledger.execute(
        order, Decimal("0.02"), Decimal(492), simulator.clock.now_ns(), leaves=Decimal(0)
    )
    first, second = reconcile(), reconcile()

    assert (first["changed"], second["changed"]) == (1, 0)
    row = order_row(db, order_id)
    assert (row["status"], row["filled_qty"]) == ("filled", Decimal("0.02"))
    (trade,) = rows(db, "SELECT qty, avg_entry_price FROM trades")
    assert trade == {"qty": Decimal("0.02"), "avg_entry_price": Decimal(492)}
    assert messages(db, "trade-updates")[-1]["status"] == "filled"


@pytest.mark.usefixtures("user")
def test_an_order_in_a_status_that_nobody_knows_is_reported_as_stuck(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.switches.fill_delay_seconds = 3600
    order_id = approved(db)
    submit(order_id)
    (order,) = simulator.ledger.orders()
    simulator.ledger.save(replace(order, status="held_for_review"))
    reconcile()

    simulator.clock.advance(timedelta(minutes=6))
    (stuck,) = reconcile()["stuck"]

    assert (stuck["order_id"], stuck["status"]) == (str(order_id), "held_for_review")


@pytest.mark.usefixtures("user")
def test_an_order_of_unknown_outcome_is_adopted_from_the_brokers_list(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    simulator.faults.add("accept_then_504", method="POST", path="/v2/orders")
    lost = submit(order_id)

    reply = reconcile()

    assert lost.status_code == 500
    assert (reply["changed"], reply["outcome_unknown"]) == (1, [])
    assert order_row(db, order_id)["alpaca_order_id"] == simulator.ledger.orders()[0].id


@pytest.mark.usefixtures("user")
def test_an_order_that_never_arrived_stays_visible_as_unknown(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    simulator.faults.add("status", status=503, method="POST", path="/v2/orders")
    submit(order_id)

    reply = reconcile()

    assert reply["outcome_unknown"] == [str(order_id)]
    row = order_row(db, order_id)
    assert (row["status"], row["reserved_at"] is not None) == ("submitting", True)


@pytest.mark.usefixtures("user")
def test_an_unreachable_broker_changes_nothing(db: Database, simulator: SimulatedBroker) -> None:
    order_id = approved(db)
    submit(order_id)
    before = order_row(db, order_id)
    simulator.faults.add("status", status=500, times=3, path="/v2/orders")

    reply = function("reconcile_orders").post("/")

    assert reply.status_code == 503
    assert order_row(db, order_id) == before
