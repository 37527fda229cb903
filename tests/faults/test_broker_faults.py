"""Broker failures on the way out and back: never doubled, never forgotten."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from functions import wiring
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from infra.workflows import kill_switch
from tests.conftest import rows
from tests.faults.test_order_races import approve_all, enroll_with_rules
from tests.functions.steps import approved, messages, order_row, submit

pytestmark = [pytest.mark.usefixtures("environment")]


def fail_submission(simulator: SimulatedBroker, kind: str, **parameters: Any) -> None:
    simulator.faults.add(kind, method="POST", path="/v2/orders", **parameters)


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("accept_then_504", {}),
        ("accept_then_timeout", {"delay": 0.05}),
        ("status", {"status": 500}),
        ("status", {"status": 503}),
    ],
)
def test_a_lost_reply_is_looked_up_and_not_sent_again_blindly(
    db: Database, simulator: SimulatedBroker, kind: str, parameters: dict[str, Any]
) -> None:
    order_id = approved(db)
    fail_submission(simulator, kind, **parameters)

    lost = submit(order_id)
    between = order_row(db, order_id)
    redelivered = submit(order_id)

    assert (lost.status_code, redelivered.status_code) == (500, 200)
    assert (between["status"], between["reserved_at"] is not None) == ("submitting", True)
    (at_broker,) = simulator.ledger.orders()
    assert order_row(db, order_id)["alpaca_order_id"] == at_broker.id
    assert len(messages(db, "trade-updates")) == 1


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("headers", [{"rate_headers": True}, {"rate_headers": False}])
def test_too_many_requests_is_sent_again_later(
    db: Database, simulator: SimulatedBroker, headers: dict[str, Any]
) -> None:
    order_id = approved(db)
    fail_submission(simulator, "status", status=429, **headers)

    throttled = submit(order_id)
    redelivered = submit(order_id)

    assert (throttled.status_code, redelivered.status_code) == (503, 200)
    assert len(simulator.ledger.orders()) == 1


def test_an_order_of_unknown_outcome_keeps_its_slot(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll_with_rules(db, 2, max_orders_per_day=1)
    lost, second = approve_all(db)
    fail_submission(simulator, "status", status=503)
    submit(lost)

    submit(second)

    assert order_row(db, second)["denial_code"] == "MAX_ORDERS_PER_DAY"
    assert order_row(db, lost)["status"] == "submitting"


@pytest.mark.usefixtures("user")
def test_a_broker_that_cannot_be_reached_delays_the_order_and_no_more(
    environment: pytest.MonkeyPatch, db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    order_id = approved(db)
    environment.setenv("ALPACA_DATA_BASE_URL", "http://127.0.0.1:9")
    wiring.reset()

    unreachable = submit(order_id)
    untouched = order_row(db, order_id)
    environment.setenv("ALPACA_DATA_BASE_URL", broker_url)
    wiring.reset()
    redelivered = submit(order_id)

    assert (unreachable.status_code, redelivered.status_code) == (503, 200)
    assert (untouched["status"], untouched["reserved_at"]) == ("approved", None)
    assert len(simulator.ledger.orders()) == 1


@pytest.mark.usefixtures("user")
def test_a_refused_look_up_proves_nothing(db: Database, simulator: SimulatedBroker) -> None:
    order_id = approved(db)
    fail_submission(simulator, "accept_then_504")
    submit(order_id)
    simulator.faults.add("status", status=401, path="/v2/orders:by_client_order_id")

    refused = submit(order_id)
    untouched = order_row(db, order_id)
    submit(order_id)

    assert refused.status_code == 500
    assert untouched["status"] == "submitting"
    assert order_row(db, order_id)["alpaca_order_id"] == simulator.ledger.orders()[0].id


@pytest.mark.usefixtures("user")
def test_an_id_that_is_taken_is_adopted_and_not_rejected(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    fail_submission(simulator, "accept_then_504")
    submit(order_id)
    with db.transaction() as tx:  # as after a restore of the database from before the claim
        tx.run(
            "UPDATE trade_orders SET status = 'approved', reserved_at = NULL, reserved_usd = NULL"
        )

    submit(order_id)

    assert len(simulator.ledger.orders()) == 1
    row = order_row(db, order_id)
    assert (row["status"], row["alpaca_order_id"]) == ("filled", simulator.ledger.orders()[0].id)
    assert len(rows(db, "SELECT 1 FROM fills")) == 1


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("meanwhile", ["halted", "expired", "drifted", "closed"])
def test_what_was_never_sent_is_judged_anew_and_waits_when_it_would_be_denied(
    db: Database, simulator: SimulatedBroker, meanwhile: str
) -> None:
    order_id = approved(db)
    fail_submission(simulator, "status", status=503)
    submit(order_id)
    if meanwhile == "halted":
        kill_switch.halt(db, simulator.clock, None, "a test", "a test")
    if meanwhile == "drifted":
        simulator.market.set_price("SPY", 600, live=True)
    simulator.clock.advance(timedelta(hours={"expired": 1, "closed": 6}.get(meanwhile, 0)))

    again = submit(order_id)

    assert again.status_code == 503
    assert simulator.ledger.orders() == []
    row = order_row(db, order_id)
    assert (row["status"], row["reserved_at"] is not None) == ("submitting", True)


@pytest.mark.usefixtures("user")
def test_an_order_that_was_accepted_and_canceled_is_adopted_and_not_placed_anew(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.switches.cancelled_ids_stay_taken = False  # the broker may free the id
    simulator.switches.fill_delay_seconds = 60
    order_id = approved(db)
    fail_submission(simulator, "accept_then_504")
    submit(order_id)
    keys = {"APCA-API-KEY-ID": simulator.key_id, "APCA-API-SECRET-KEY": simulator.secret_key}
    client = simulator.app.test_client()
    client.delete(f"/v2/orders/{simulator.ledger.orders()[0].id}", headers=keys)

    redelivered = submit(order_id)

    assert redelivered.status_code == 200
    assert len(simulator.ledger.orders()) == 1
    assert order_row(db, order_id)["status"] == "canceled"


@pytest.mark.usefixtures("user")
def test_a_refused_resend_proves_nothing_about_a_request_that_arrives_late(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    order_id = approved(db)
    simulator.faults.add("status", status=503, method="POST", path="/v2/orders")
    refusal = {"code": 40310000, "message": "insufficient buying power"}
    simulator.faults.add("status", status=403, body=refusal, method="POST", path="/v2/orders")

    lost, refused = submit(order_id), submit(order_id)
    between = order_row(db, order_id)
    late = httpx.post(
        f"{broker_url}/v2/orders",
        headers={"APCA-API-KEY-ID": "sim-key", "APCA-API-SECRET-KEY": "sim-secret"},
        json={
            "client_order_id": between["client_order_id"],
            "symbol": "SPY",
            "side": "buy",
            "notional": "10",
            "type": "market",
            "time_in_force": "day",
        },
    )
    submit(order_id)

    assert (lost.status_code, refused.status_code, late.status_code) == (500, 503, 200)
    assert (between["status"], between["reserved_usd"]) == ("submitting", 10)
    assert order_row(db, order_id)["alpaca_order_id"] == simulator.ledger.orders()[0].id


def test_of_two_interrupted_orders_the_later_one_waits_for_the_earlier(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll_with_rules(db, 2)
    first, second = approve_all(db)
    simulator.faults.add("status", status=503, method="POST", path="/v2/orders")
    submit(first)
    with db.transaction() as tx:  # its delivery crashed between the claim and the request
        tx.run(
            "UPDATE trade_orders SET status = 'submitting', reserved_usd = 10,"
            " reserved_at = created_at + interval '1 second' WHERE id = :id",
            id=second,
        )

    too_early, earlier, later = submit(second), submit(first), submit(second)

    assert too_early.status_code == 503
    assert (earlier.status_code, later.status_code) == (200, 200)
    placed = [order.client_order_id for order in simulator.ledger.orders()]
    assert placed == [order_row(db, each)["client_order_id"] for each in (first, second)]
