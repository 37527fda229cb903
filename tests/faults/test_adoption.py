"""What the broker has under the id of our order is ours, unless it is visibly another order."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from functions import wiring
from infra.postgres.database import Database
from infra.postgres.trading import orders
from infra.simulator.broker import SimulatedBroker
from infra.workflows import kill_switch
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import approved, order_row, submit

pytestmark = pytest.mark.usefixtures("environment", "user")


def take_its_id(db: Database, order_id: UUID, change: str) -> None:
    """Place, by other hands, another order under the id of an order of ours."""
    with db.transaction() as tx:
        ours = orders.read(tx, order_id)
    assert ours is not None
    another = {
        "side": replace(ours, side="sell", notional_usd=None, qty=Decimal(1)),
        "symbol": replace(ours, symbol="AAPL"),
    }
    if change == "side":  # nothing that is not held can be sold here, and all is sold at once
        held = replace(ours, client_order_id="by-hand", notional_usd=None, qty=Decimal(1))
        wiring.current().trading.submit(held)
    wiring.current().trading.submit(another[change])


def resume(order_id: UUID) -> int:
    return submit(order_id).status_code


def reconciled(order_id: UUID) -> int:
    return 500 if reconcile()["outcome_unknown"] == [str(order_id)] else 200


@pytest.mark.parametrize("change", ["side", "symbol"])
@pytest.mark.parametrize("way", [resume, reconciled])
def test_another_order_under_the_id_of_ours_is_not_adopted(
    db: Database, simulator: SimulatedBroker, change: str, way: Callable[[UUID], int]
) -> None:
    order_id = approved(db)
    simulator.faults.add("status", status=503, method="POST", path="/v2/orders")
    submit(order_id)
    take_its_id(db, order_id, change)
    before = order_row(db, order_id)

    assert way(order_id) == 500

    assert order_row(db, order_id) == before
    assert before["status"] == "submitting"


@pytest.mark.parametrize("change", ["side", "symbol"])
def test_a_refused_id_does_not_adopt_another_order(db: Database, change: str) -> None:
    order_id = approved(db)
    take_its_id(db, order_id, change)

    assert submit(order_id).status_code == 500

    row = order_row(db, order_id)
    assert (row["status"], row["alpaca_order_id"]) == ("submitting", None)
    assert row["outcome_unknown_at"] is not None


def test_the_kill_switch_cancels_no_other_order(db: Database, simulator: SimulatedBroker) -> None:
    simulator.switches.fill_delay_seconds = 3600
    order_id = approved(db)
    take_its_id(db, order_id, "symbol")
    submit(order_id)

    cancelled = kill_switch.cancel_open(db, wiring.current().trading, None)

    (problem,) = cancelled.refused
    assert "taken by another order" in problem
    assert {each.status for each in simulator.ledger.orders()} == {"pending_new"}
