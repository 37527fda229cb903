"""Every approval ends, with a reason, or is visible as stuck."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, rows
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import approved, messages, order_row, submit, swipe, tick
from tests.functions.test_rule_status import rule

pytestmark = pytest.mark.usefixtures("environment", "user")


def later(simulator: SimulatedBroker, **by: float) -> dict[str, Any]:
    """Let time pass with prices kept fresh, and reconcile."""
    simulator.clock.advance(timedelta(**by))
    return reconcile()


def lose_the_request(simulator: SimulatedBroker, times: int = 1) -> None:
    simulator.faults.add("status", status=503, method="POST", path="/v2/orders", times=times)


def test_an_approval_whose_message_was_lost_is_announced_again(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)

    soon, late = later(simulator, seconds=60), later(simulator, seconds=90)

    assert (soon["announced_again"], late["announced_again"]) == (0, 1)
    announced = [message["order_id"] for message in messages(db, "orders-approved")]
    assert announced == [str(order_id)] * 2
    assert submit(order_id).status_code == 200
    assert len(simulator.ledger.orders()) == 1


def test_an_approval_that_nobody_acted_upon_is_denied_when_its_yes_expires(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)

    early, reply = later(simulator, seconds=899), later(simulator, seconds=2)

    assert (early["given_up"], reply["given_up"]) == (0, 1)
    row = order_row(db, order_id)
    assert (row["status"], row["denial_code"]) == ("denied", "QUESTION_EXPIRED")
    assert "arrived=not sent" in row["reason"]
    assert messages(db, "trade-updates")[-1]["denial_code"] == "QUESTION_EXPIRED"
    assert submit(order_id).status_code == 200
    assert simulator.ledger.orders() == []


def test_an_order_that_never_arrived_is_sent_again_after_asking(
    db: Database, simulator: SimulatedBroker
) -> None:
    lose_the_request(simulator)
    order_id = approved(db)
    submit(order_id)

    reply = later(simulator, seconds=121)

    assert reply["announced_again"] == 1
    assert submit(order_id).status_code == 200
    assert len(simulator.ledger.orders()) == 1
    assert order_row(db, order_id)["status"] == "pending_new"


def test_an_order_that_never_arrived_is_given_up_long_after_its_yes_expired(
    db: Database, simulator: SimulatedBroker
) -> None:
    lose_the_request(simulator)
    order_id = approved(db)
    submit(order_id)

    waiting = later(simulator, minutes=24)
    over = later(simulator, minutes=2)

    assert (waiting["given_up"], over["given_up"]) == (0, 1)
    row = order_row(db, order_id)
    assert (row["status"], row["denial_code"]) == ("denied", "QUESTION_EXPIRED")
    assert "arrived=never" in row["reason"]
    assert row["reserved_usd"] == 10  # its slot stays taken: only a rejection gives it back
    assert later(simulator, minutes=1)["outcome_unknown"] == []


def test_an_order_is_not_given_up_while_a_delivery_is_at_work_on_it(
    db: Database, simulator: SimulatedBroker
) -> None:
    lose_the_request(simulator)
    order_id = approved(db)
    submit(order_id)
    simulator.clock.advance(timedelta(minutes=26))

    with db.exclusive(f"order {order_id}") as session:
        meanwhile = reconcile()
    afterwards = reconcile()

    assert session is not None
    assert (meanwhile["given_up"], afterwards["given_up"]) == (0, 1)


def test_an_order_that_could_not_be_looked_up_is_not_given_up(
    db: Database, simulator: SimulatedBroker
) -> None:
    lose_the_request(simulator)
    order_id = approved(db)
    submit(order_id)
    simulator.clock.advance(timedelta(minutes=26))
    simulator.faults.add("status", status=500, times=3, path="/v2/orders:by_client_order_id")

    unread = reconcile()

    assert (unread["given_up"], unread["outcome_unknown"]) == (0, [str(order_id)])
    assert order_row(db, order_id)["status"] == "submitting"


def test_an_order_of_the_brokers_books_is_adopted_and_never_given_up(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.faults.add("accept_then_504", method="POST", path="/v2/orders")
    order_id = approved(db)
    submit(order_id)

    reply = later(simulator, minutes=26)

    assert (reply["given_up"], reply["changed"]) == (0, 1)
    assert order_row(db, order_id)["status"] == "filled"


def test_what_is_on_its_way_for_too_long_is_reported_as_stuck(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.switches.fill_delay_seconds = 3600
    order_id = approved(db)
    submit(order_id)

    soon, late = later(simulator, minutes=4), later(simulator, minutes=2)

    assert soon["stuck"] == []
    (stuck,) = late["stuck"]
    assert (stuck["order_id"], stuck["status"]) == (str(order_id), "pending_new")


def test_an_approval_that_waits_is_reported_as_stuck_before_it_expires(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)

    (stuck,) = later(simulator, minutes=6)["stuck"]

    assert (stuck["order_id"], stuck["status"]) == (str(order_id), "approved")


def two_approved(db: Database) -> tuple[UUID, UUID]:
    """Two orders of one user, each approved."""
    with db.transaction() as tx:
        tx.run("DELETE FROM user_trading_config WHERE firebase_uid = :uid", uid=USER)
    enroll(db, USER, rules=[rule("second")])
    tick()
    first, second = (
        UUID(swipe(row["question_id"], 10).get_json()["order_id"])
        for row in rows(db, "SELECT question_id FROM confirmations ORDER BY rule_id")
    )
    return first, second


def test_an_order_waits_for_the_outcome_of_another_and_goes_on_once_it_is_known(
    db: Database, simulator: SimulatedBroker
) -> None:
    lose_the_request(simulator)
    first, second = two_approved(db)
    submit(first)

    waiting = submit(second)
    before = order_row(db, second)
    submit(first)
    submit(second)

    assert waiting.status_code == 503  # its message comes again
    assert (before["status"], before["denial_code"], before["reserved_at"]) == (
        "approved",
        None,
        None,
    )
    assert [order_row(db, each)["status"] for each in (first, second)] == ["pending_new"] * 2
    assert len(simulator.ledger.orders()) == 2


def test_an_order_that_waits_is_announced_again_while_its_yes_counts(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.faults.add("accept_then_504", method="POST", path="/v2/orders")
    first, second = two_approved(db)
    submit(first)
    submit(second)

    adopted = later(simulator, seconds=121)

    assert (adopted["changed"], adopted["announced_again"]) == (1, 1)
    assert messages(db, "orders-approved")[-1]["order_id"] == str(second)
    assert submit(second).status_code == 200
    assert order_row(db, second)["status"] == "pending_new"


def test_an_order_that_waits_until_its_yes_expires_is_denied_with_what_it_waited_for(
    db: Database, simulator: SimulatedBroker
) -> None:
    lose_the_request(simulator)
    first, second = two_approved(db)
    submit(first)
    submit(second)

    early, reply = later(simulator, seconds=899), later(simulator, seconds=2)

    assert (early["given_up"], reply["given_up"]) == (0, 1)
    row = order_row(db, second)
    assert (row["status"], row["denial_code"]) == ("denied", "OUTCOME_PENDING")
    assert f"order={first} " in row["reason"]
    assert messages(db, "trade-updates")[-1]["denial_code"] == "OUTCOME_PENDING"
    assert order_row(db, first)["status"] == "submitting"
