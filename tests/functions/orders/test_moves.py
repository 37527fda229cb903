"""An order moves only from where it was seen, and who decides about it looks once more."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from common.guardrails.facts import DenialCode, Denied
from common.orders.order import Order
from common.orders.request_budget import RateLimit
from functions import wiring
from functions.orders import request_queue, stalled
from functions.submit_order import Submission
from infra.postgres.database import Database, Transaction
from infra.postgres.trading import controls, order_lists, orders, request_budget
from infra.postgres.trading.controls import ControlChange
from infra.simulator.broker import SimulatedBroker
from infra.workflows.orders.order_by_order import OrderByOrder
from tests.conftest import NOON, USER
from tests.functions.account.account import Account
from tests.functions.steps import approved, order_row, submit
from tests.functions.test_who_is_asked import while_it_waits

pytestmark = pytest.mark.usefixtures("environment", "user")

DENIED = Denied(DenialCode.QUESTION_EXPIRED, {})
MUCH_LATER = NOON + timedelta(hours=1)


def read(db: Database, order_id: uuid.UUID) -> Order:
    with db.transaction() as tx:
        found = orders.read(tx, order_id)
    assert found is not None
    return found


Move = Callable[[Transaction, Order, datetime], object]


def deny(tx: Transaction, order: Order, now: datetime) -> None:
    orders.deny(tx, order, DENIED, now)


def reject(tx: Transaction, order: Order, now: datetime) -> None:
    orders.reject(tx, order, "no", now)


@pytest.mark.parametrize("move", [deny, orders.withdraw])
def test_an_order_that_has_moved_meanwhile_is_not_moved_again(db: Database, move: Move) -> None:
    seen = read(db, approved(db))
    submit(seen.id)
    before = order_row(db, seen.id)

    with pytest.raises(AssertionError, match="under its lock"), db.transaction() as tx:
        move(tx, seen, NOON)

    assert order_row(db, seen.id) == before


@pytest.mark.parametrize("move", [deny, reject, orders.withdraw])
@pytest.mark.parametrize("status", ["filled", "canceled", "rejected"])
def test_an_order_that_has_ended_goes_nowhere(db: Database, move: Move, status: str) -> None:
    order_id = approved(db)
    submit(order_id)
    with db.transaction() as tx:
        tx.run("UPDATE trade_orders SET status = :status", status=status)
    before = order_row(db, order_id)

    with pytest.raises(AssertionError, match="may not become"), db.transaction() as tx:
        move(tx, read(db, order_id), NOON)

    assert order_row(db, order_id) == before


def test_an_order_that_got_on_while_others_were_looked_at_is_not_given_up(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.faults.add("status", status=503, method="POST", path="/v2/orders")
    order_id = approved(db)
    submit(order_id)
    sending = read(db, order_id)
    submit(order_id)
    before = order_row(db, order_id)

    recovered = stalled.recover(OrderByOrder(db), [sending], MUCH_LATER)

    assert recovered["given_up"] == 0
    assert before["status"] == "pending_new"
    assert order_row(db, order_id) == before


def test_an_order_that_is_being_sent_is_not_denied_as_one_that_waits(db: Database) -> None:
    order_id = approved(db)
    waiting = read(db, order_id)
    with db.transaction() as tx:
        tx.run(
            "UPDATE trade_orders SET status = 'submitting', reserved_at = :now, reserved_usd = 10",
            now=NOON,
        )
    before = order_row(db, order_id)

    assert not stalled._give_up(OrderByOrder(db), waiting, MUCH_LATER)

    assert order_row(db, order_id) == before


def test_a_turn_that_comes_too_late_denies_only_what_still_waits(db: Database) -> None:
    order_id = approved(db)
    seen = read(db, order_id)
    app = wiring.current()
    with db.transaction() as tx:
        orders.withdraw(tx, orders.lock(tx, order_id), NOON)
        limit = RateLimit(per_minute=200, remaining=0, resets_at=MUCH_LATER)
        request_budget.observe(tx, limit, NOON)

    with db.exclusive("a delivery") as session:
        assert session is not None
        with session.transaction() as tx:
            late = request_queue.wait(tx, replace(seen, expires_at=NOON), [], NOON)
        assert late is not None
        Submission(
            session, app.market_data, app.trading, app.settings.server_limits, NOON
        ).deny_late(order_id, late)

    assert order_row(db, order_id)["status"] == "canceled"


def test_what_only_waits_is_not_open_at_the_broker(db: Database) -> None:
    order_id = approved(db)
    with db.transaction() as tx:
        waiting = order_lists.open_ids(tx)
    submit(order_id)
    with db.transaction() as tx:
        sent = order_lists.open_ids(tx)

    assert waiting == []
    assert sent == [order_id]


def test_a_breaker_waits_for_who_is_halting_and_leaves_the_halt(db: Database) -> None:
    breaker = ControlChange(USER, "reducing", "daily loss", "breaker", MUCH_LATER)
    person = ControlChange(USER, "halted", "stop", "ann")
    with db.transaction() as tx:
        controls.set_control(tx, ControlChange(USER, "active", "", "ann"), NOON)

    def restrict() -> None:
        with db.transaction() as tx:
            controls.restrict(tx, [breaker], NOON)

    while_it_waits(db, lambda tx: controls.set_control(tx, person, NOON), restrict)

    with db.transaction() as tx:
        (found,) = controls.active_controls(tx, USER, NOON)
    assert found.state == "halted"


def test_what_has_no_id_at_the_broker_is_not_canceled_there(account: Account, db: Database) -> None:
    order_id = approved(db)
    submit(order_id)
    with db.transaction() as tx:  # as after a recovery by hand
        tx.run("UPDATE trade_orders SET status = 'new', alpaca_order_id = NULL")

    reply = account.delete(f"/orders/{order_id}")

    assert (reply.status_code, reply.get_json()["error"]["code"]) == (409, "outcome_pending")
