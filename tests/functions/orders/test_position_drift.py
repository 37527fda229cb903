"""Our positions are the broker's, or a person is told (POSITION_DRIFT)."""

from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from infra.postgres.database import Database
from infra.postgres.trading import differences
from infra.simulator.broker import SimulatedBroker
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import approved, submit

pytestmark = pytest.mark.usefixtures("environment", "user")


def buy_by_hand(simulator: SimulatedBroker, broker_url: str) -> None:
    """Let somebody trade the account beside us."""
    reply = httpx.post(
        f"{broker_url}/v2/orders",
        headers={
            "APCA-API-KEY-ID": simulator.key_id,
            "APCA-API-SECRET-KEY": simulator.secret_key,
        },
        json={"symbol": "SPY", "side": "buy", "qty": "3", "type": "market", "time_in_force": "day"},
    )
    reply.raise_for_status()


def hold(db: Database, simulator: SimulatedBroker) -> None:
    submit(approved(db))
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()
    simulator.clock.advance(timedelta(minutes=3))


def test_the_same_positions_are_no_drift(db: Database, simulator: SimulatedBroker) -> None:
    hold(db, simulator)

    assert reconcile()["position_drift"] == []


def test_units_that_are_not_ours_are_reported_with_both_numbers(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    hold(db, simulator)
    buy_by_hand(simulator, broker_url)

    (drift,) = reconcile()["position_drift"]

    assert (drift["code"], drift["symbol"]) == ("POSITION_DRIFT", "SPY")
    assert Decimal(drift["brokers"]) - Decimal(drift["ours"]) == 3


def test_a_symbol_with_a_fill_on_its_way_is_not_compared(
    db: Database, simulator: SimulatedBroker
) -> None:
    submit(approved(db))
    simulator.work()

    assert simulator.ledger.positions() != []
    assert reconcile()["position_drift"] == []


def test_unreadable_positions_do_not_stop_the_reconciliation(
    db: Database, simulator: SimulatedBroker
) -> None:
    submit(approved(db))
    simulator.clock.advance(timedelta(seconds=5))
    simulator.faults.add("status", status=500, times=3, path="/v2/positions")

    reply = reconcile()

    assert (reply["changed"], reply["position_drift"]) == (1, [])


@pytest.mark.parametrize("odd", ["SPY", "AAPL"])
def test_a_position_that_cannot_be_read_is_not_compared_and_hides_no_other(
    db: Database, simulator: SimulatedBroker, odd: str
) -> None:
    hold(db, simulator)
    positions = [
        {"symbol": symbol, "qty": "x" if symbol == odd else "3", "side": "long"}
        for symbol in ("SPY", "AAPL")
    ]
    simulator.faults.add("status", status=200, body=positions, path="/v2/positions")

    found = reconcile()["position_drift"]

    assert {each["symbol"] for each in found} == {"SPY", "AAPL"} - {odd}


def test_a_difference_stays_while_the_position_cannot_be_read(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    with db.transaction() as tx:
        tx.run("UPDATE trades SET qty = qty + 1")
    reconcile()
    body = [{"symbol": "SPY", "qty": None, "side": "long"}]
    simulator.faults.add("status", status=200, body=body, path="/v2/positions")

    assert reconcile()["position_drift"] == []

    with db.transaction() as tx:
        assert [each.symbol for each in differences.unexplained(tx)] == ["SPY"]
