"""Coins that cost less than a cent, through the functions: asked and ordered on their grid.

Sources of the coin and its grid: alpaca-py issue 213 (SHIB/USD at 8.4e-06), Alpaca-API issue 239,
and the increments that the broker listed in 2022 and in 2026.
"""

from datetime import timedelta
from decimal import Decimal

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, function, rows
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import approved, messages, order_row, submit, tick

pytestmark = pytest.mark.usefixtures("environment")

COINS = {"id": "coins", "source": "alpaca", "asset_class": "crypto", "symbols": ["SHIB/USD"]}
ROOM = {"max_notional_usd_per_4h": 5000, "max_orders_per_day": 50}


def falls_through_the_level(db: Database, simulator: SimulatedBroker, side: str) -> None:
    action = {"action": "propose_order", "side": side, "qty": "2000000"}
    rule = {
        "id": "shib",
        "type": "price_crosses_level",
        "symbol": "SHIB/USD",
        "level": "0.0000125",
        "direction": "down",
        "question_template": "{{symbol}} reached {{level}}, at {{price}}?",
        "on_answer_match": action | {"order_type": "limit", "limit_offset_pct": "0.5"},
    }
    off = {"id": "dip_confirm", "enabled": False}
    enroll(db, USER, data_inputs=[COINS], guardrails=ROOM, rules=[rule, off])
    price = simulator.market.set_price
    price(
        *("SHIB/USD", "0.00001260"),
        prev_close="0.0000130",
        bid="0.00001259",
        ask="0.00001261",
        live=True,
    )
    tick()
    simulator.clock.advance(timedelta(minutes=1))
    price("SHIB/USD", "0.00001240", bid="0.00001239", ask="0.00001241", live=True)


@pytest.mark.parametrize(
    ("increment", "buys_at"),
    [("0.000000001", "0.000012472"), ("0.00000001", "0.00001247")],
)
def test_a_limit_of_a_coin_below_a_cent_is_near_the_quote(
    db: Database, simulator: SimulatedBroker, increment: str, buys_at: str
) -> None:
    simulator.assets.put("SHIB/USD", price_increment=increment)
    falls_through_the_level(db, simulator, "buy")

    order_id = approved(db)
    submit(order_id)

    assert order_row(db, order_id)["limit_price"] == Decimal(buys_at)
    (at_broker,) = simulator.ledger.orders()
    assert at_broker.limit_price == Decimal(buys_at)
    (question,) = messages(db, "questions-created")
    assert question["question_text"] == "SHIB/USD reached 0.0000125, at 0.0000124?"


def test_a_grid_without_such_a_price_denies_instead_of_sending_nothing(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.assets.put("SHIB/USD", price_increment="0.0001")
    falls_through_the_level(db, simulator, "buy")

    order_id = approved(db)
    submit(order_id)

    row = order_row(db, order_id)
    assert (row["status"], row["denial_code"]) == ("denied", "ORDER_NOT_ACCEPTED_BY_BROKER")
    assert "limit_price=0" in row["reason"]
    assert simulator.ledger.orders() == []
    assert rows(db, "SELECT 1 FROM fills") == []


def test_coins_are_paid_with_money_of_the_accounts_own(
    db: Database, simulator: SimulatedBroker
) -> None:
    falls_through_the_level(db, simulator, "buy")
    account = {"status": "ACTIVE", "crypto_status": "ACTIVE", "currency": "USD"}
    power = {"buying_power": "200", "non_marginable_buying_power": "24"}
    simulator.faults.add("status", status=200, path="/v2/account", body=account | power, times=9)

    order_id = approved(db)
    submit(order_id)

    assert order_row(db, order_id)["denial_code"] == "INSUFFICIENT_BUYING_POWER"
    assert simulator.ledger.orders() == []


def test_the_console_shows_its_price_with_its_digits(
    db: Database, simulator: SimulatedBroker
) -> None:
    falls_through_the_level(db, simulator, "buy")
    order_id = approved(db)
    submit(order_id)
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()

    shown = {page: function("console").get(page).text for page in ("/market", "/orders")}
    trace = function("console").get(f"/orders/{order_id}").text

    assert "$0.0000124<" in shown["/market"]
    assert "2000000 at $0.00001241<" in shown["/orders"]
    assert "entered at $0.00001241;" in trace
    assert "<dd>$0.0000124</dd>" in trace  # the price seen


def test_a_sale_of_it_is_near_the_quote_too(db: Database, simulator: SimulatedBroker) -> None:
    falls_through_the_level(db, simulator, "buy")
    submit(approved(db))
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()
    with db.transaction() as tx:
        tx.run(
            "UPDATE user_trading_config SET config = jsonb_set(jsonb_set(config,"
            " '{rules,0,on_answer_match,side}', '\"sell\"'), '{rules,0,level}', '\"0.0000122\"')"
        )
    simulator.clock.advance(timedelta(hours=2))
    price = simulator.market.set_price
    price("SHIB/USD", "0.00001240", bid="0.00001239", ask="0.00001241", live=True)
    tick()
    simulator.clock.advance(timedelta(minutes=1))
    price("SHIB/USD", "0.00001215", bid="0.00001214", ask="0.00001216", live=True)

    sale = approved(db)
    submit(sale)
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()

    row = order_row(db, sale)
    assert (row["side"], row["status"], row["reason"]) == ("sell", "filled", None)
    assert row["limit_price"] == Decimal("0.000012080")
    assert simulator.ledger.position("SHIB/USD") is None
