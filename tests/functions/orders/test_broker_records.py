"""The broker's records stand above ours: what changes a position without an order of ours."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, rows
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import approved, messages, order_row, submit, swipe, tick

pytestmark = pytest.mark.usefixtures("environment")

ROOM = {"max_notional_usd_per_4h": 5000, "max_orders_per_day": 50}
BUY = {
    "id": "dip_confirm",
    "on_answer_match": {"action": "propose_order", "side": "buy", "qty": 2, "notional_usd": None},
}
STOP = {
    "id": "stop",
    "type": "position_loss_pct",
    "symbol": "SPY",
    "threshold_pct": 5,
    "question_template": "{{symbol}} lost {{loss}}%: sell {{size}}?",
    "on_answer_match": {"action": "close_position"},
}


def hold(db: Database, simulator: SimulatedBroker, uid: str = USER, *more: dict[str, Any]) -> None:
    """Buy two shares at about 492, and let the records settle."""
    enroll(db, uid, guardrails=ROOM, rules=[BUY, STOP, *more])
    submit(approved(db, uid))
    settle(simulator)


def settle(simulator: SimulatedBroker) -> None:
    """Let orders fill and be booked, and their records grow old enough to be compared."""
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()
    simulator.clock.advance(timedelta(minutes=3))


def held(db: Database) -> list[dict[str, Any]]:
    return rows(
        db, "SELECT symbol, qty, avg_entry_price FROM trades WHERE closed_at IS NULL ORDER BY id"
    )


def by_hand(simulator: SimulatedBroker, broker_url: str, side: str, qty: str, **more: str) -> None:
    keys = {"APCA-API-KEY-ID": simulator.key_id, "APCA-API-SECRET-KEY": simulator.secret_key}
    order = {"symbol": "SPY", "side": side, "qty": qty, "type": "market", "time_in_force": "day"}
    order |= more
    httpx.post(f"{broker_url}/v2/orders", headers=keys, json=order).raise_for_status()


def audit(db: Database) -> list[tuple[Any, ...]]:
    found = rows(db, "SELECT kind, qty_before, qty_after FROM position_adjustments ORDER BY id")
    return [(row["kind"], row["qty_before"], row["qty_after"]) for row in found]


def test_an_announced_split_restates_what_is_held_once(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    simulator.corporate_actions.announce(
        "forward_split", symbol="SPY", new_rate=10, old_rate=1, ex_date="2026-02-11"
    )
    simulator.clock.advance(timedelta(days=1))
    simulator.market.set_price("SPY", "49.3", prev_close=492, live=True)

    tick()
    tick()

    (position,) = held(db)
    ledger = simulator.ledger.position("SPY")
    assert ledger is not None
    assert (position["qty"], position["avg_entry_price"]) == (ledger.qty, ledger.avg_entry_price)
    assert audit(db) == [("corporate_action", 2, 20)]
    assert reconcile()["position_drift"] == []
    (closes,) = rows(
        db,
        "SELECT price FROM"
        " utils_statistics.previous_close('SPY', 'us_equity', '2026-02-11 05:00Z')",
    )
    assert closes["price"] == Decimal("49.2")


def test_a_question_asked_on_the_old_basis_is_withdrawn(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER, guardrails=ROOM, rules=[BUY | {"question_ttl_seconds": 86400}])
    tick()
    (question,) = rows(db, "SELECT question_id FROM confirmations WHERE status = 'pending'")
    simulator.corporate_actions.announce(
        "forward_split", symbol="SPY", new_rate=10, old_rate=1, ex_date="2026-02-11"
    )
    simulator.clock.advance(timedelta(hours=22))
    simulator.market.set_price("SPY", "49.3", prev_close=492, live=True)

    tick()

    assert swipe(question["question_id"], 10).status_code == 410


def test_a_cash_merger_ends_the_position_at_its_price(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    simulator.corporate_actions.announce(
        "cash_merger", acquiree_symbol="SPY", rate=500, effective_date="2026-02-11"
    )
    simulator.clock.advance(timedelta(days=1))

    tick()

    assert held(db) == []
    (trade,) = rows(db, "SELECT realized_pnl FROM trades")
    (fill,) = rows(db, "SELECT price FROM fills")
    assert trade["realized_pnl"] == 2 * (500 - fill["price"])
    assert simulator.ledger.position("SPY") is None


SPIN_OFF: dict[str, Any] = {
    "source_symbol": "SPY",
    "source_rate": 4,
    "new_symbol": "GEV",
    "new_rate": 1,
    "ex_date": "2026-02-11",
}


def test_a_spin_off_restates_its_stock_by_the_adjusted_history_once(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    simulator.corporate_actions.announce("spin_off", keeps=Decimal("0.8"), **SPIN_OFF)
    simulator.clock.advance(timedelta(days=1))
    simulator.market.set_price("SPY", "393.6", prev_close=492, live=True)

    tick()
    tick()

    (position,) = held(db)
    ledger = simulator.ledger.position("SPY")
    assert ledger is not None
    assert position["qty"] == ledger.qty == 2
    assert abs(position["avg_entry_price"] - ledger.avg_entry_price) < Decimal("0.001")
    assert audit(db) == [("corporate_action", 2, 2)]
    assert rows(db, "SELECT 1 FROM questions WHERE question_text LIKE '%lost%'") == []
    (close,) = rows(
        db,
        "SELECT price FROM"
        " utils_statistics.previous_close('SPY', 'us_equity', '2026-02-11 05:00Z')",
    )
    assert close["price"] == Decimal("393.6")
    (drift,) = reconcile()["position_drift"]  # what it brought is nobody's: a person says so
    assert (drift["symbol"], drift["brokers"]) == ("GEV", "0.5")


def test_a_spin_off_keeps_its_holders_from_orders_until_the_history_tells_its_part(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    simulator.corporate_actions.announce("spin_off", **SPIN_OFF)
    simulator.clock.advance(timedelta(days=1))
    simulator.market.set_price("SPY", "450", prev_close=492, live=True)
    tick()

    (dip,) = rows(db, "SELECT asked, held_back FROM rule_status WHERE rule_id = 'dip_confirm'")
    assert dip == {"asked": 0, "held_back": {"CORPORATE_ACTION": 1}}
    assert rows(db, "SELECT 1 FROM questions WHERE question_text LIKE '%lost%'") == []
    assert audit(db) == []


def test_a_merger_for_shares_and_cash_is_followed_once(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    (entry,) = [row["avg_entry_price"] for row in held(db)]
    cash = simulator.ledger.account().cash
    simulator.corporate_actions.announce(
        "stock_and_cash_merger",
        acquiree_symbol="SPY",
        acquiree_rate=1,
        acquirer_symbol="ABBV",
        acquirer_rate=0.866,
        cash_rate=120.30,
        effective_date="2026-02-11",
    )
    simulator.clock.advance(timedelta(days=1))

    tick()
    tick()

    (position,) = held(db)
    assert (position["symbol"], position["qty"]) == ("ABBV", Decimal("1.732"))
    cost = position["qty"] * position["avg_entry_price"]
    assert abs(cost - 2 * (entry - Decimal("120.30"))) < Decimal("1e-9")
    ledger = simulator.ledger.position("ABBV")
    assert ledger is not None
    assert ledger.qty == position["qty"]
    assert simulator.ledger.account().cash - cash == Decimal("240.60")
    assert audit(db) == [("corporate_action", 2, Decimal("1.732"))]
    assert reconcile()["position_drift"] == []


def test_a_new_name_is_followed(db: Database, simulator: SimulatedBroker) -> None:
    hold(db, simulator)
    simulator.corporate_actions.announce(
        "name_change", old_symbol="SPY", new_symbol="SPYX", process_date="2026-02-11"
    )
    simulator.clock.advance(timedelta(days=1))

    tick()

    assert [row["symbol"] for row in held(db)] == ["SPYX"]
    assert reconcile()["position_drift"] == []


def test_a_price_that_nothing_explains_stops_its_holders(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    simulator.clock.advance(timedelta(days=1))
    simulator.market.set_price("SPY", "246", prev_close=492, live=True)

    tick()

    assert rows(db, "SELECT 1 FROM questions WHERE question_text LIKE '%lost%'") == []
    (gap,) = rows(db, "SELECT kind, symbol FROM corporate_actions")
    assert (gap["kind"], gap["symbol"]) == ("gap", "SPY")
    simulator.clock.advance(timedelta(days=1))  # the broker still holds two: it was a move
    reconcile()
    simulator.market.set_price("SPY", "245", prev_close=246, live=True)
    tick()
    assert rows(db, "SELECT 1 FROM questions WHERE question_text LIKE '%lost%'") != []


def test_what_is_sold_by_hand_is_booked_at_its_price(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    hold(db, simulator)
    by_hand(simulator, broker_url, "sell", "1")

    (drift,) = reconcile()["position_drift"]

    assert drift["explained_by"] == "manual"
    assert audit(db) == [("manual", 2, 1)]
    assert reconcile()["position_drift"] == []


def test_what_is_bought_by_hand_is_nobodys_and_sold_first(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    hold(db, simulator)
    by_hand(simulator, broker_url, "buy", "3")
    assert reconcile()["position_drift"][0]["explained_by"] == "manual"
    by_hand(simulator, broker_url, "sell", "4")

    assert reconcile()["position_drift"][0]["explained_by"] == "manual"

    assert [row["qty"] for row in held(db)] == [1]
    assert reconcile()["position_drift"] == []


def test_a_sale_that_could_be_of_two_users_stops_both_with_both_numbers(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    hold(db, simulator)
    hold(db, simulator, "user-2")
    simulator.market.set_price("SPY", 460, prev_close=500, live=True)
    order = approved(db)
    simulator.clock.advance(timedelta(minutes=3))
    by_hand(simulator, broker_url, "sell", "1")

    (drift,) = reconcile()["position_drift"]
    submit(order)

    assert (drift["explained_by"], drift["ours"], drift["brokers"]) == ("", "4", "3")
    row = order_row(db, order)
    assert (row["status"], row["denial_code"]) == ("denied", "POSITION_DRIFT")
    assert row["reason"] == "symbol=SPY ours=4 brokers=3"


def test_neither_of_the_two_is_asked_to_close(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    hold(db, simulator)
    hold(db, simulator, "user-2")
    by_hand(simulator, broker_url, "sell", "1")
    reconcile()
    simulator.market.set_price("SPY", 460, prev_close=500, live=True)

    tick()

    (stop,) = rows(db, "SELECT asked, held_back FROM rule_status WHERE rule_id = 'stop'")
    assert stop == {"asked": 0, "held_back": {"POSITION_DRIFT": 2}}


def test_a_close_goes_on_beside_a_position_that_cannot_be_read(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    simulator.market.set_price("SPY", 460, prev_close=500, live=True)
    order = approved(db)
    spy = {"symbol": "SPY", "qty": "2", "qty_available": "2", "side": "long"}
    body = [{"symbol": "AAPL", "qty": "many", "side": "long"}, spy]
    simulator.faults.add("status", status=200, body=body, path="/v2/positions")

    submit(order)

    row = order_row(db, order)
    assert (row["side"], row["qty"], row["denial_code"]) == ("sell", 2, None)
    assert row["alpaca_order_id"] is not None


def test_a_close_right_after_a_sale_by_hand_opens_no_short(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    hold(db, simulator)
    simulator.market.set_price("SPY", 460, prev_close=500, live=True)
    order = approved(db)
    by_hand(simulator, broker_url, "sell", "2")
    simulator.clock.advance(timedelta(seconds=1))

    submit(order)

    assert order_row(db, order)["denial_code"] == "POSITION_DRIFT"
    assert simulator.ledger.position("SPY") is None


@pytest.mark.parametrize("size", [{"qty": 2}, {"notional_usd": 900}], ids=["units", "dollars"])
def test_what_one_order_sells_no_other_sells_again(
    db: Database, simulator: SimulatedBroker, size: dict[str, int]
) -> None:
    """Beyond what a user holds the account holds another user's: the broker would sell it."""
    sell = {"action": "propose_order", "side": "sell"} | size
    fall = {"id": "fall", "type": "price_below_pct_of_ref", "symbol": "SPY", "threshold_pct": -5}
    fall |= {"ref_metric": "prev_close", "question_template": "sell?", "on_answer_match": sell}
    hold(db, simulator, "user-2")
    hold(db, simulator, USER, fall)
    simulator.market.set_price("SPY", 460, prev_close=500, live=True)
    tick()
    asked = rows(
        db,
        "SELECT id FROM questions WHERE firebase_uid = :uid AND source_tag = ANY(:of) ORDER BY 1",
        uid=USER,
        of=["trading:rule:fall", "trading:rule:stop"],
    )
    orders = [UUID(swipe(row["id"], 10).get_json()["order_id"]) for row in asked]

    for order_id in orders:
        submit(order_id)

    simulator.clock.advance(timedelta(seconds=5))
    left = simulator.ledger.position("SPY")
    assert left is not None
    assert 2 <= left.qty < 3  # user-2's, and perhaps the part of a share that was not worth $900


def hold_coins(db: Database, simulator: SimulatedBroker) -> None:
    """Buy a hundredth of a coin, of which the broker keeps a fee, and let the records settle."""
    simulator.switches.coin_fee_rate = Decimal("0.0025")
    coins = {"id": "coins", "source": "alpaca", "asset_class": "crypto", "symbols": ["BTC/USD"]}
    action = {"action": "propose_order", "side": "buy", "qty": "0.01"}
    buy = {
        "id": "buy",
        "type": "price_crosses_level",
        "symbol": "BTC/USD",
        "level": 60000,
        "direction": "down",
        "question_template": "buy?",
        "on_answer_match": action,
    }
    off = {"id": "dip_confirm", "enabled": False}
    enroll(db, USER, data_inputs=[coins], guardrails=ROOM, rules=[buy, off])
    simulator.market.set_price("BTC/USD", 60100, prev_close=60500, live=True)
    tick()
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("BTC/USD", 59900, live=True)
    submit(approved(db))
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()
    simulator.clock.advance(timedelta(minutes=3))


def test_the_fee_of_a_coin_reduces_the_position(db: Database, simulator: SimulatedBroker) -> None:
    hold_coins(db, simulator)

    (drift,) = reconcile()["position_drift"]

    assert drift["explained_by"] == "coin_fee"
    assert [row["qty"] for row in held(db)] == [Decimal("0.009975")]
    assert reconcile()["position_drift"] == []


def test_the_fees_of_coins_that_were_bought_by_hand_too_are_shared_with_them(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    hold_coins(db, simulator)
    by_hand(simulator, broker_url, "buy", "0.03", symbol="BTC/USD", time_in_force="gtc")
    simulator.clock.advance(timedelta(seconds=5))
    simulator.clock.advance(timedelta(minutes=3))

    reconcile()

    assert [row["qty"] for row in held(db)] == [Decimal("0.009975")]
    assert rows(db, "SELECT qty FROM manual_holdings") == [{"qty": Decimal("0.029925")}]
    assert reconcile()["position_drift"] == []


def test_a_cancellation_that_the_broker_refuses_is_not_counted(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER)
    simulator.faults.add("pending_new_for", seconds=7200)
    order = approved(db)
    submit(order)
    simulator.faults.add("fill_before_cancel", answer=422)
    simulator.clock.advance(timedelta(minutes=16))

    assert reconcile()["overdue_canceled"] == 0

    simulator.clock.advance(timedelta(minutes=1))
    reconcile()
    assert order_row(db, order)["status"] == "filled"


def test_a_queued_order_is_canceled_when_its_yes_has_expired(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER)
    simulator.faults.add("hold_status", seconds=7200, status="held")
    order = approved(db)
    submit(order)
    simulator.clock.advance(timedelta(minutes=16))
    assert reconcile()["overdue_canceled"] == 1

    simulator.clock.advance(timedelta(minutes=1))
    reconcile()

    row = order_row(db, order)
    assert (row["status"], row["filled_qty"]) == ("canceled", 0)
    assert "expired" in messages(db, "trade-updates")[-1]["text"]
