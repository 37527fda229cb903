"""How many trading requests an order costs: its own, and a share of the account's state."""

from datetime import timedelta
from uuid import UUID

import pytest

from functions import wiring
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, rows
from tests.functions.orders.approvals import approve, enroll_unasked
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import submit, tick

LASTING = timedelta(minutes=15)
ORDERS = 50


@pytest.fixture(autouse=True)
def _room(environment: pytest.MonkeyPatch, db: Database, simulator: SimulatedBroker) -> None:
    for scope in ("", "SERVER_"):
        environment.setenv(f"HARD_MAX_{scope}ORDERS_PER_DAY", "1000")
    wiring.reset()
    wiring.current().clock = simulator.clock  # asking the broker for the time costs a request
    enroll_unasked(db)
    tick()


def cost(simulator: SimulatedBroker, *order_ids: UUID) -> int:
    """Submit orders in a minute of their own, and count the trading requests."""
    simulator.clock.advance(timedelta(minutes=1))
    for order_id in order_ids:
        assert submit(order_id).status_code == 200
    return simulator.rate.used("trading")


def sent(db: Database) -> int:
    return len(rows(db, "SELECT 1 FROM trade_orders WHERE alpaca_order_id IS NOT NULL"))


def test_orders_in_flight_cost_one_request_each(db: Database, simulator: SimulatedBroker) -> None:
    orders = [approve(db, NOON + timedelta(seconds=n), LASTING) for n in range(ORDERS)]

    requests = cost(simulator, *orders)

    assert sent(db) == ORDERS
    assert requests == ORDERS + 2  # the asset for the day, the account for all of them


def test_an_order_alone_reads_the_account_of_its_moment(
    db: Database, simulator: SimulatedBroker
) -> None:
    cost(simulator, approve(db, NOON, LASTING))  # which asks for the asset

    assert cost(simulator, approve(db, NOON, LASTING)) == 2


def test_sales_in_flight_share_what_the_account_holds(
    db: Database, simulator: SimulatedBroker
) -> None:
    cost(simulator, *(approve(db, NOON, LASTING) for _ in range(10)))
    simulator.clock.advance(timedelta(minutes=1))
    reconcile()

    requests = cost(simulator, *(approve(db, NOON, LASTING, "sell") for _ in range(5)))

    assert sent(db) == 15
    assert requests == 5 + 2  # the account and its positions


def test_a_yes_after_the_reading_is_judged_by_one_of_its_own(
    db: Database, simulator: SimulatedBroker
) -> None:
    first = approve(db, NOON, LASTING)
    assert submit(first).status_code == 200
    simulator.switches.account_blocked = True
    later = approve(db, NOON, LASTING)  # at the same instant, and yet afterwards

    submit(later)

    (row,) = rows(db, "SELECT denial_code FROM trade_orders WHERE id = :id", id=later)
    assert row["denial_code"] == "ACCOUNT_BLOCKED"
