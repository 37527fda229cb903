"""`trade_orders.raw` is what the broker wrote, whole."""

from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from common.orders.broker_order import BrokerOrder
from infra.postgres.database import Database
from infra.postgres.trading import orders
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, function, rows
from tests.functions.steps import approved, order_row, submit

pytestmark = pytest.mark.usefixtures("environment", "user")


def test_it_is_the_document_of_the_response_and_then_of_the_list(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    order_id = approved(db)
    submit(order_id)
    accepted = order_row(db, order_id)["raw"]
    simulator.clock.advance(timedelta(seconds=5))
    function("reconcile_orders").post("/")
    filled = order_row(db, order_id)["raw"]

    keys = {"APCA-API-KEY-ID": "sim-key", "APCA-API-SECRET-KEY": "sim-secret"}
    known = httpx.get(f"{broker_url}/v2/orders/{accepted['id']}", headers=keys).json()

    assert filled == known
    assert accepted.keys() == known.keys()
    assert {"asset_id", "extended_hours", "legs"} <= accepted.keys()  # nothing here reads them
    assert (accepted["status"], filled["status"]) == ("pending_new", "filled")


def test_text_that_postgres_cannot_hold_costs_only_itself(db: Database) -> None:
    submit(order_id := approved(db))
    with db.transaction() as tx:
        order = orders.lock(tx, order_id)
        document = {
            "id": order_row(db, order_id)["alpaca_order_id"],
            "status": "filled",
            "filled_qty": "0.02",
            "filled_avg_price": "492.01",
            "note": "a\x00\x00b \ud800 \\u0000 é",
            "n\x00": Decimal("1.10"),
        }
        orders.record(tx, order, BrokerOrder.model_validate(document), NOON)

    (row,) = rows(db, "SELECT raw FROM trade_orders")
    assert row["raw"]["note"] == "a??b ? \\u0000 é"
    assert row["raw"]["n?"] == "1.10"
