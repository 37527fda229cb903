"""Races as races: threads, connections of their own, a barrier."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, rows
from tests.functions.steps import messages, order_row, submit, swipe, tick

pytestmark = pytest.mark.usefixtures("environment")


def at_once(*calls: Callable[[], int]) -> list[int]:
    """Make all calls at the same moment; return their statuses."""
    barrier = threading.Barrier(len(calls))
    statuses: list[int] = []

    def run(call: Callable[[], int]) -> None:
        barrier.wait()
        statuses.append(call())

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def delivery(order_id: UUID) -> Callable[[], int]:
    return lambda: submit(order_id).status_code


def approve_all(db: Database) -> list[UUID]:
    """Ask by every rule, say yes to each, and return the approved orders."""
    tick()
    pending = rows(db, "SELECT question_id FROM confirmations WHERE status = 'pending'")
    return [UUID(swipe(p["question_id"], 10).get_json()["order_id"]) for p in pending]


def enroll_with_rules(db: Database, count: int, **guardrails: object) -> None:
    action = {"action": "propose_order", "side": "buy", "notional_usd": 10}
    rule = {
        "type": "price_below_pct_of_ref",
        "symbol": "SPY",
        "ref_metric": "prev_close",
        "threshold_pct": -1,
        "question_template": "Buy {{symbol}}?",
        "on_answer_match": action,
    }
    extra = [rule | {"id": f"rule-{n}"} for n in range(count - 1)]
    enroll(db, USER, rules=extra, guardrails=guardrails)


@pytest.mark.parametrize("deliveries", [2, 6])
def test_one_approval_delivered_at_once_is_one_order(
    db: Database, simulator: SimulatedBroker, deliveries: int
) -> None:
    enroll_with_rules(db, 1)
    (order_id,) = approve_all(db)

    statuses = at_once(*[delivery(order_id)] * deliveries)
    redelivered = [submit(order_id).status_code for status in statuses if status != 200]

    assert len(simulator.ledger.orders()) == 1
    assert set(redelivered) <= {200}
    assert order_row(db, order_id)["status"] == "pending_new"
    assert len(messages(db, "trade-updates")) == 1


@pytest.mark.parametrize("seed", range(5))
def test_two_orders_racing_for_the_last_slot_of_the_day(
    db: Database, simulator: SimulatedBroker, seed: int
) -> None:
    enroll_with_rules(db, 2, max_orders_per_day=1)
    order_ids = approve_all(db)

    at_once(*(delivery(order_id) for order_id in order_ids[:: 1 if seed % 2 else -1]))

    outcomes = sorted(
        (order_row(db, o)["status"], order_row(db, o)["denial_code"]) for o in order_ids
    )
    assert outcomes == [("denied", "MAX_ORDERS_PER_DAY"), ("pending_new", None)]
    assert len(simulator.ledger.orders()) == 1


@pytest.mark.parametrize("orders", [4, 5])
def test_orders_racing_for_the_window_never_exceed_it(
    db: Database, simulator: SimulatedBroker, orders: int
) -> None:
    enroll_with_rules(db, orders, max_orders_per_day=10, max_notional_usd_per_4h=25)
    order_ids = approve_all(db)

    at_once(*(delivery(order_id) for order_id in order_ids))

    for order_id in order_ids:  # a delivery that found no free connection comes again
        submit(order_id)
    assert sum((o.notional or Decimal(0)) for o in simulator.ledger.orders()) == Decimal(20)
    statuses = [order_row(db, o)["status"] for o in order_ids]
    assert statuses.count("denied") == orders - 2


def test_another_users_orders_take_none_of_ones_slots(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, "a", guardrails={"max_orders_per_day": 1})
    enroll(db, "b", guardrails={"max_orders_per_day": 1})
    tick()
    pending = rows(db, "SELECT question_id, firebase_uid FROM confirmations")
    order_ids = [
        UUID(swipe(p["question_id"], 10, p["firebase_uid"]).get_json()["order_id"]) for p in pending
    ]

    at_once(*(delivery(order_id) for order_id in order_ids))

    assert {order_row(db, o)["status"] for o in order_ids} == {"pending_new"}
    assert len(simulator.ledger.orders()) == 2


def test_a_reconciliation_at_the_same_moment_books_a_fill_once(
    db: Database, simulator: SimulatedBroker
) -> None:
    from tests.functions.orders.test_reconcile_orders import reconcile  # noqa: PLC0415

    enroll_with_rules(db, 1)
    (order_id,) = approve_all(db)
    submit(order_id)
    simulator.clock.advance(timedelta(seconds=5))

    at_once(*[lambda: 200 if reconcile() else 500] * 3)

    assert len(rows(db, "SELECT 1 FROM fills")) == 1
    (trade,) = rows(db, "SELECT qty FROM trades")
    assert trade["qty"] == simulator.ledger.positions()[0].qty
