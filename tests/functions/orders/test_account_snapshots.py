"""What reconciling reads for the KPIs: equity and quotes, once per quarter of an hour."""

from datetime import timedelta
from decimal import Decimal

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, function, rows
from tests.functions.steps import approved, submit

pytestmark = pytest.mark.usefixtures("environment")


def reconcile() -> None:
    assert function("reconcile_orders").post("/").status_code == 200


def test_equity_is_read_once_per_quarter_of_an_hour(
    db: Database, simulator: SimulatedBroker
) -> None:
    for minutes in (3, 5, 6, 1, 15):
        simulator.clock.advance(timedelta(minutes=minutes))
        reconcile()

    found = rows(db, "SELECT * FROM account_equity ORDER BY quarter_hour")
    assert [row["quarter_hour"] - NOON for row in found] == [
        timedelta(minutes=minutes) for minutes in (0, 15, 30)
    ]
    assert [row["read_at"] - NOON for row in found] == [
        timedelta(minutes=minutes) for minutes in (3, 15, 30)
    ]
    equity = simulator.valuation.values().equity
    assert {row["equity"] for row in found} == {equity}


@pytest.mark.usefixtures("user")
def test_what_is_held_is_quoted(db: Database, simulator: SimulatedBroker) -> None:
    submit(approved(db))
    simulator.clock.advance(timedelta(seconds=5))

    reconcile()

    (quote,) = rows(db, "SELECT symbol, bid, ask FROM position_quotes")
    assert quote == {"symbol": "SPY", "bid": Decimal("491.99"), "ask": Decimal("492.01")}


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("side", ["bid", "ask", "both"])
def test_half_a_quote_is_none(db: Database, simulator: SimulatedBroker, side: str) -> None:
    submit(approved(db))
    simulator.clock.advance(timedelta(seconds=5))
    simulator.faults.add("empty_quote", side=side)

    reconcile()

    assert rows(db, "SELECT 1 FROM position_quotes") == []
    assert len(rows(db, "SELECT 1 FROM account_equity")) == 1


def test_a_broker_that_does_not_say_costs_no_more_than_the_reading(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.faults.add("status", status=500, times=9, path="/v2/account")
    reconcile()
    assert rows(db, "SELECT 1 FROM account_equity") == []
    simulator.faults.clear()

    reconcile()

    assert len(rows(db, "SELECT 1 FROM account_equity")) == 1


@pytest.mark.usefixtures("user")
def test_equity_is_read_without_quotes(db: Database, simulator: SimulatedBroker) -> None:
    submit(approved(db))
    simulator.clock.advance(timedelta(seconds=5))
    simulator.faults.add("status", status=400, times=9, path="/v2/stocks/quotes")

    reconcile()

    assert rows(db, "SELECT 1 FROM position_quotes") == []
    assert len(rows(db, "SELECT 1 FROM account_equity")) == 1
