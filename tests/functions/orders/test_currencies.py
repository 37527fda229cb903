"""Limits are in USD: a pair in another currency is refused when saved, and denied if it gets by."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, USER, enroll, rows
from tests.functions.account.account import Account
from tests.functions.orders.approvals import approve, enroll_unasked
from tests.functions.steps import approved, order_row, submit, tick

pytestmark = pytest.mark.usefixtures("environment")

PAIRS = {"id": "pairs", "source": "alpaca", "asset_class": "crypto"}
BUY = {"action": "propose_order", "side": "buy", "qty": 20}


def crossing(symbol: str, level: str, **more: Any) -> dict[str, Any]:
    below = {"type": "price_crosses_level", "symbol": symbol, "level": level, "direction": "down"}
    return below | more


def override(symbol: str) -> dict[str, Any]:
    """Buy 20 of a pair when it falls: 20 ETH/BTC passed a limit of 10 dollars once."""
    asking = {"id": "fall", "question_template": "buy?", "on_answer_match": BUY}
    rules = [crossing(symbol, "0.05", **asking), {"id": "dip_confirm", "enabled": False}]
    return {"data_inputs": [PAIRS | {"symbols": [symbol]}], "rules": rules}


# The last is written without the slash in positions, and is no dollar there either.
@pytest.mark.parametrize(
    ("symbol", "currency"), [("ETH/BTC", "BTC"), ("BTC/USDT", "USDT"), ("LTC/USDC", "USDC")]
)
def test_a_config_that_orders_it_is_refused_when_saved_and_changes_nothing(
    account: Account, db: Database, symbol: str, currency: str
) -> None:
    assert account.put({}).status_code == 200
    before = rows(db, "SELECT config, updated_at FROM user_trading_config")

    reply = account.put(override(symbol), If_Match="*")

    (problem,) = reply.get_json()["error"]["problems"]
    assert reply.status_code == 422
    assert "rules[" in problem["path"]
    assert f"quoted in {currency}" in problem["message"]
    assert rows(db, "SELECT config, updated_at FROM user_trading_config") == before


def test_one_that_was_stored_past_the_check_asks_nothing_and_stops_nobody_else(
    db: Database, simulator: SimulatedBroker
) -> None:
    for uid in (USER, "user-2"):
        enroll(db, uid)
    with db.transaction() as tx:
        tx.run(
            "UPDATE user_trading_config SET config = :config WHERE firebase_uid = :uid",
            config=json.dumps(override("ETH/BTC")),
            uid=USER,
        )
    simulator.market.set_price("ETH/BTC", "0.051", live=True)
    tick()
    simulator.clock.advance(timedelta(minutes=2))
    simulator.market.set_price("ETH/BTC", "0.049", live=True)

    tick()

    assert [row["firebase_uid"] for row in rows(db, "SELECT firebase_uid FROM questions")] == [
        "user-2"
    ]
    (set_aside,) = rows(db, "SELECT * FROM set_aside_configs")
    assert "quoted in BTC" in json.dumps(set_aside, default=str)


def test_an_order_that_was_approved_before_is_denied_and_not_sent(
    db: Database, simulator: SimulatedBroker
) -> None:
    looked_at = [PAIRS | {"symbols": ["ETH/BTC"]}]
    enroll_unasked(db, data_inputs=looked_at)
    simulator.market.set_price("ETH/BTC", "0.05", live=True)
    tick()
    order_id = approve(
        db, NOON, timedelta(minutes=15), symbol="ETH/BTC", qty=Decimal(20), price=Decimal("0.05")
    )

    submit(order_id)

    assert order_row(db, order_id)["denial_code"] == "CURRENCY_NOT_SUPPORTED"
    assert simulator.ledger.orders() == []


def test_a_pair_that_is_only_looked_at_leads_to_an_order_in_dollars(
    db: Database, simulator: SimulatedBroker
) -> None:
    both = {
        "id": "ratio",
        "type": "all_of",
        "symbol": "ETH/USD",
        "conditions": [
            crossing("ETH/BTC", "0.05"),
            {"type": "price_below_pct_of_ref", "ref_metric": "prev_close", "threshold_pct": -1},
        ],
        "question_template": "{{symbol}} fell: buy?",
        "on_answer_match": {"action": "propose_order", "side": "buy", "notional_usd": 10},
    }
    pairs = [PAIRS | {"symbols": ["ETH/USD", "ETH/BTC"]}]
    enroll(db, USER, data_inputs=pairs, rules=[both, {"id": "dip_confirm", "enabled": False}])
    simulator.market.set_price("ETH/USD", 2900, prev_close=3000, live=True)
    simulator.market.set_price("ETH/BTC", "0.051", live=True)
    tick()
    simulator.clock.advance(timedelta(minutes=2))
    simulator.market.set_price("ETH/BTC", "0.049", live=True)

    order_id = approved(db)
    submit(order_id)

    (order,) = simulator.ledger.orders()
    assert (order.symbol, order.notional) == ("ETH/USD", Decimal(10))
    assert order_row(db, order_id)["reserved_usd"] == 10


def test_an_account_in_another_currency_denies_every_order(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER)
    order_id = approved(db)
    simulator.switches.currency = "EUR"

    submit(order_id)

    row = order_row(db, order_id)
    assert (row["denial_code"], row["alpaca_order_id"]) == ("CURRENCY_NOT_SUPPORTED", None)
    assert "EUR" in row["reason"]
