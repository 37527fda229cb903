"""A yes to a close, while something else has happened to the position: it never opens a short.

Who met it is named at each test, and listed with the right value in docs/reference/reports.md.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from common.orders.order import Order
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON
from tests.functions.orders.approvals import approve, enroll_unasked
from tests.functions.orders.test_broker_records import by_hand, hold, settle
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import approved, messages, order_row, submit, tick

pytestmark = pytest.mark.usefixtures("environment")


def approved_close(db: Database, simulator: SimulatedBroker) -> UUID:
    """Buy two shares at about 492; they fall to 460, and their owner says yes to selling them."""
    hold(db, simulator)
    simulator.market.set_price("SPY", 460, prev_close=500, live=True)
    return approved(db)


def held(simulator: SimulatedBroker, symbol: str = "SPY") -> Decimal:
    position = simulator.ledger.position(symbol)
    return position.qty if position else Decimal(0)


# Alpaca-API issue 250: a second sale while the first, of the whole position, has not filled.
def test_nothing_is_sold_that_waits_to_be_sold_already(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    order = approved_close(db, simulator)
    by_hand(simulator, broker_url, "sell", "2", type="limit", limit_price="600")

    submit(order)

    row = order_row(db, order)
    assert (row["denial_code"], row["reason"]) == ("NOT_HELD", "symbol=SPY wanted=2 available=0")
    simulator.market.set_price("SPY", 601, prev_close=500, live=True)
    settle(simulator)
    assert held(simulator) == 0


# Alpaca-API issue 90: "insufficient qty available for order (requested: 2, available: 1)".
def test_of_a_position_that_is_partly_on_sale_the_rest_is_sold(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    order = approved_close(db, simulator)
    by_hand(simulator, broker_url, "sell", "1", type="limit", limit_price="600")

    submit(order)
    settle(simulator)

    row = order_row(db, order)
    assert (row["status"], row["qty"], row["filled_qty"]) == ("filled", 1, 1)
    simulator.market.set_price("SPY", 601, prev_close=500, live=True)
    settle(simulator)
    assert held(simulator) == 0


# As Alpaca-API issue 86 recorded a short that nobody wanted: negative units, "side": "short", and
# no `qty_available`.
def test_nothing_is_sold_where_the_account_is_short(
    db: Database, simulator: SimulatedBroker
) -> None:
    order = approved_close(db, simulator)
    recorded = {
        "symbol": "SPY",
        "side": "short",
        "market_value": "-22078.98",
        "asset_class": "us_equity",
        "avg_entry_price": "8.36",
        "cost_basis": "-20716.08",
        "qty": "-2478",
        "exchange": "NASDAQ",
        "current_price": "8.91",
    }
    simulator.faults.add("status", status=200, body=[recorded], path="/v2/positions")

    submit(order)

    row = order_row(db, order)
    expected = ("POSITION_DRIFT", "symbol=SPY ours=2 brokers=-2478")
    assert (row["denial_code"], row["reason"]) == expected
    assert [each.side for each in simulator.ledger.orders()] == ["buy"]


# PyAlly issue 7 (a sale that should close is taken for a short sale) and Alpaca-API issue 85 (the
# position is sold twice at once): the broker is told that the sale only closes, and refuses it.
def test_a_position_that_goes_while_its_close_is_sent_is_not_sold_short(
    db: Database,
    simulator: SimulatedBroker,
    broker_url: str,
    environment: pytest.MonkeyPatch,
) -> None:
    order = approved_close(db, simulator)
    send = AlpacaTrading.submit

    def late(self: AlpacaTrading, wanted: Order) -> Any:
        by_hand(simulator, broker_url, "sell", "2")
        simulator.clock.advance(timedelta(seconds=1))
        assert held(simulator) == 0
        return send(self, wanted)

    environment.setattr(AlpacaTrading, "submit", late)
    submit(order)
    settle(simulator)

    row = order_row(db, order)
    assert row["status"] == "rejected"
    assert "the position is no longer what it was" in row["reason"]
    assert held(simulator) == 0
    assert "no longer what it was" in messages(db, "trade-updates")[-1]["text"]


# Alpaca-API issue 240 (coins bought by notional, sold by tens only: "now I cannot liquidate
# everything"), and the increments of alpaca-py pull request 175.
@pytest.mark.parametrize(
    ("increment", "price", "bought", "sold"),
    [
        ("10", "0.1", "1234.5", "1230"),
        ("0.001", "100", "1.0975", "1.097"),
        ("1e-9", "100", "1.0975", "1.0975"),
    ],
)
def test_of_coins_off_their_grid_as_many_are_sold_as_the_broker_takes(
    db: Database, simulator: SimulatedBroker, increment: str, price: str, bought: str, sold: str
) -> None:
    coins = {"id": "coins", "source": "alpaca", "asset_class": "crypto", "symbols": ["BCH/USD"]}
    enroll_unasked(db, data_inputs=[coins])
    order: dict[str, Any] = {"symbol": "BCH/USD", "price": Decimal(price), "qty": Decimal(bought)}
    lasting = timedelta(hours=1)
    simulator.market.set_price("BCH/USD", price, prev_close=price, live=True)
    submit(approve(db, NOON, lasting, **order))
    settle(simulator)
    simulator.clock.advance(timedelta(days=1))  # an asset is asked for once a day
    simulator.assets.put("BCH/USD", min_trade_increment=increment, min_order_size=increment)
    simulator.market.set_price("BCH/USD", price, prev_close=price, live=True)

    close = approve(db, simulator.clock.now(), lasting, "sell", **order)
    submit(close)
    settle(simulator)

    row = order_row(db, close)
    assert (row["status"], row["filled_qty"]) == ("filled", Decimal(sold)), row["reason"]
    assert held(simulator, "BCH/USD") == Decimal(bought) - Decimal(sold)
    assert reconcile()["position_drift"] == []


def test_of_a_stock_without_fractions_whole_shares_are_sold(
    db: Database, simulator: SimulatedBroker
) -> None:
    """A split may leave a part of a share for some days, until the broker pays it in cash."""
    enroll_unasked(db)
    tick()
    qty, lasting = Decimal("1.5"), timedelta(hours=1)
    submit(approve(db, NOON, lasting, qty=qty))
    settle(simulator)
    simulator.clock.advance(timedelta(days=1))
    simulator.assets.put("SPY", fractionable=False)
    simulator.market.set_price("SPY", 492, prev_close=492, live=True)
    tick()

    close = approve(db, simulator.clock.now(), lasting, "sell", qty=qty)
    submit(close)
    settle(simulator)

    row = order_row(db, close)
    assert (row["status"], row["filled_qty"]) == ("filled", 1), row["reason"]
    assert held(simulator) == Decimal("0.5")
