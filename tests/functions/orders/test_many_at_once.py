"""Many orders that each need a request of their own from a reconciliation: never all at once."""

from datetime import timedelta
from uuid import UUID

import pytest

from common.orders.request_budget import DEFAULT_LIMIT, KEPT_FOR_EACH, RESERVED_FOR_OTHERS
from functions import wiring
from infra.postgres.database import Database
from infra.postgres.trading import request_budget
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, rows
from tests.functions.orders.approvals import approve, enroll_unasked
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import messages, submit, tick

ORDERS = 40
LASTING = timedelta(minutes=15)


@pytest.fixture(autouse=True)
def _room(environment: pytest.MonkeyPatch, simulator: SimulatedBroker) -> None:
    for scope in ("", "SERVER_"):
        environment.setenv(f"HARD_MAX_{scope}ORDERS_PER_DAY", "1000")
    wiring.reset()
    wiring.current().clock = simulator.clock


def all_submitted(db: Database) -> list[UUID]:
    """Submit an order of each user: nobody's waits for the outcome of another."""
    orders: list[UUID] = []
    for number in range(ORDERS):
        enroll_unasked(db, uid := f"user-{number}")
        orders.append(approve(db, NOON + timedelta(microseconds=number), LASTING, uid=uid))
    tick()
    for order_id in orders:
        submit(order_id)
    return orders


def spend_everything(db: Database, simulator: SimulatedBroker) -> None:
    """Let orders have used up this minute's requests."""
    with db.transaction() as tx:
        request_budget.take(tx, DEFAULT_LIMIT, simulator.clock.now())


@pytest.mark.parametrize(("is_busy", "runs"), [(True, 3), (False, 1)])
def test_orders_of_unknown_outcome_are_looked_up_in_turn(
    db: Database, simulator: SimulatedBroker, *, is_busy: bool, runs: int
) -> None:
    simulator.faults.add("status", status=504, path="/v2/orders", method="POST", times=ORDERS)
    orders = all_submitted(db)
    (open_orders,) = rows(db, "SELECT array_agg(DISTINCT status) AS s FROM trade_orders")
    assert open_orders["s"] == ["submitting"]
    with db.transaction() as tx:
        tx.run("DELETE FROM outbox")

    simulator.clock.advance(timedelta(minutes=5))
    used = []
    for _ in range(runs):
        simulator.clock.advance(timedelta(minutes=1))
        if is_busy:
            spend_everything(db, simulator)
        reconcile()
        used.append(simulator.rate.used("trading"))

    others = 5  # two lists, the positions, the account, and its executions
    assert max(used) <= (KEPT_FOR_EACH if is_busy else ORDERS) + others
    announced = {each["order_id"] for each in messages(db, "orders-approved")}
    assert announced == {str(order_id) for order_id in orders}


@pytest.mark.parametrize(("is_busy", "runs"), [(True, 3), (False, 1)])
def test_overdue_orders_are_canceled_in_turn(
    db: Database, simulator: SimulatedBroker, *, is_busy: bool, runs: int
) -> None:
    simulator.faults.add("pending_new_for", seconds=36_000, times=ORDERS)
    all_submitted(db)
    simulator.clock.advance(LASTING)
    canceled = []

    for _ in range(runs):
        simulator.clock.advance(timedelta(minutes=1))
        if is_busy:
            spend_everything(db, simulator)
        canceled.append(reconcile()["overdue_canceled"])

    kept, rest = KEPT_FOR_EACH, ORDERS - 2 * KEPT_FOR_EACH
    assert canceled == ([kept, kept, rest] if is_busy else [ORDERS])
    if not is_busy:  # what is not kept for it is no longer free for orders
        with db.transaction() as tx:
            free = request_budget.read(tx, simulator.clock.now()).free(simulator.clock.now())
        assert free == DEFAULT_LIMIT - RESERVED_FOR_OTHERS - (ORDERS - KEPT_FOR_EACH)
    assert rows(db, "SELECT 1 FROM trade_orders WHERE reason IS NULL") == []
