"""`submit_order` through its function: every denial, the way to the broker, and back."""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from common.messages import OrderApproved, TradeUpdate
from functions import wiring
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.bench.check import statements
from tests.conftest import USER, enroll, function, rows
from tests.functions.steps import approved, asked, deliver, messages, order_row, submit, swipe, tick
from tests.functions.test_rule_status import status

pytestmark = pytest.mark.usefixtures("environment")


def update_config(db: Database, **override: Any) -> None:
    """Change what the user says, after they approved."""
    with db.transaction() as tx:
        tx.run("DELETE FROM user_trading_config WHERE firebase_uid = :uid", uid=USER)
    enroll(db, USER, **override)


@pytest.mark.usefixtures("user")
def test_an_approved_order_is_placed_once_and_recorded(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)

    reply = submit(order_id)

    assert reply.status_code == 200
    (at_broker,) = simulator.ledger.orders()
    row = order_row(db, order_id)
    assert (at_broker.symbol, at_broker.side, at_broker.notional) == ("SPY", "buy", Decimal(10))
    assert (row["alpaca_order_id"], row["status"]) == (at_broker.id, "pending_new")
    assert row["reserved_at"] is not None
    (update,) = messages(db, "trade-updates")
    assert TradeUpdate.from_document(update).status == "pending_new"


@pytest.mark.usefixtures("user")
def test_a_redelivery_of_a_placed_order_does_nothing(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    submit(order_id)
    before = order_row(db, order_id)

    reply = submit(order_id)

    assert reply.status_code == 200
    assert order_row(db, order_id) == before
    assert len(simulator.ledger.orders()) == 1
    assert len(messages(db, "trade-updates")) == 1


@pytest.mark.usefixtures("user")
def test_a_redelivery_of_a_placed_order_reads_nothing_but_the_order(db: Database) -> None:
    order_id = approved(db)
    submit(order_id)

    with statements() as seen:
        submit(order_id)

    others = ("user_trading_config", "market_sessions", "broker_answers", "request_budget")
    assert any("FROM trade_orders" in sql for sql in seen)
    assert not [sql for sql in seen if any(table in sql for table in others)]


def denied(db: Database, simulator: SimulatedBroker, order_id: uuid.UUID) -> str:
    """Submit, and return the code by which the order was denied, with nothing sent."""
    at_broker = len(simulator.ledger.orders())
    assert submit(order_id).status_code == 200
    row = order_row(db, order_id)
    assert (row["status"], row["reserved_at"], row["alpaca_order_id"]) == ("denied", None, None)
    assert len(simulator.ledger.orders()) == at_broker
    update = TradeUpdate.from_document(messages(db, "trade-updates")[-1])
    assert (update.order_id, update.status) == (order_id, "denied")
    assert (update.denial_code, update.reason) == (row["denial_code"], row["reason"])
    code: str = row["denial_code"]
    return code


@pytest.mark.usefixtures("user")
def test_the_operators_switch_denies(
    environment: pytest.MonkeyPatch, db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    environment.setenv("TRADING_ENABLED", "false")
    wiring.reset()

    assert denied(db, simulator, order_id) == "TRADING_DISABLED"


@pytest.mark.usefixtures("user")
def test_a_row_that_somebody_else_inserts_without_terms_is_never_sent(
    db: Database, simulator: SimulatedBroker
) -> None:
    update_config(db, guardrails={"require_question_before_order": False})
    order_id = uuid.uuid4()
    with db.transaction() as tx:
        tx.run(
            "INSERT INTO trade_orders (id, firebase_uid, client_order_id, symbol, side, order_type,"
            " notional_usd, status) VALUES (:id, :uid, 'mine-1', 'SPY', 'buy', 'market', 10,"
            " 'approved')",
            id=order_id,
            uid=USER,
        )

    assert denied(db, simulator, order_id) == "TRADING_DISABLED"


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("override", "code"),
    [
        ({"enabled": False}, "TRADING_DISABLED"),
        ({"mode": "live"}, "LIVE_NOT_ALLOWED"),
        ({"guardrails": {"symbols_blocklist": ["SPY"]}}, "SYMBOL_BLOCKED"),
        ({"guardrails": {"max_orders_per_day": 0}}, "MAX_ORDERS_PER_DAY"),
        ({"guardrails": {"max_notional_usd_per_4h": 9}}, "MAX_NOTIONAL_PER_WINDOW"),
    ],
)
def test_what_the_user_changed_meanwhile_denies(
    db: Database, simulator: SimulatedBroker, override: dict[str, Any], code: str
) -> None:
    order_id = approved(db)
    update_config(db, **override)

    assert denied(db, simulator, order_id) == code


@pytest.mark.usefixtures("user")
def test_a_user_who_is_gone_or_disabled_is_denied(db: Database, simulator: SimulatedBroker) -> None:
    order_id = approved(db)
    with db.transaction() as tx:
        tx.run("UPDATE user_trading_config SET enabled = false")

    assert denied(db, simulator, order_id) == "TRADING_DISABLED"


@pytest.mark.usefixtures("user")
def test_a_symbol_that_is_no_longer_watched_denies(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    watch = {"id": "primary_watchlist", "symbols": ["AAPL"]}
    rule = {"id": "dip_confirm", "symbol": "AAPL"}
    update_config(db, data_inputs=[watch], rules=[rule])

    assert denied(db, simulator, order_id) == "SYMBOL_NOT_WATCHED"


@pytest.mark.usefixtures("user")
def test_an_order_whose_question_was_not_approved_is_denied(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    with db.transaction() as tx:
        tx.run("UPDATE confirmations SET status = 'reject'")

    assert denied(db, simulator, order_id) == "QUESTION_NOT_APPROVED"


@pytest.mark.usefixtures("user")
def test_an_approval_that_comes_too_late_to_the_broker_is_denied(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    simulator.clock.advance(timedelta(seconds=901))

    assert denied(db, simulator, order_id) == "QUESTION_EXPIRED"


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        ("stale_quote", {"age": 200, "symbol": "SPY"}),
        ("empty_quote", {"side": "ask", "symbol": "SPY"}),
        ("empty_quote", {"side": "bid", "symbol": "SPY"}),
    ],
)
def test_a_stale_or_one_sided_quote_denies(
    db: Database, simulator: SimulatedBroker, fault: str, parameters: dict[str, Any]
) -> None:
    order_id = approved(db)
    simulator.faults.add(fault, times=2, **parameters)  # the quote, and the snapshot beside it

    assert denied(db, simulator, order_id) == "PRICE_STALE"


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("price", "code"),
    [
        ({"last": 497}, "PRICE_DRIFT"),
        ({"last": 487}, "PRICE_DRIFT"),
        ({"last": 492, "bid": 489, "ask": 495}, "SPREAD_TOO_WIDE"),
    ],
)
def test_a_price_that_is_not_the_one_shown_denies(
    db: Database, simulator: SimulatedBroker, price: dict[str, Any], code: str
) -> None:
    order_id = approved(db)
    simulator.market.set_price("SPY", live=True, **price)

    assert denied(db, simulator, order_id) == code


@pytest.mark.usefixtures("user")
def test_the_servers_ceiling_stands_above_the_config(
    environment: pytest.MonkeyPatch, db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    environment.setenv("HARD_MAX_ORDER_NOTIONAL_USD", "9.99")
    wiring.reset()

    assert denied(db, simulator, order_id) == "MAX_ORDER_NOTIONAL"


def test_slots_come_back_the_next_trading_day_and_notional_after_four_hours(
    db: Database, simulator: SimulatedBroker
) -> None:
    limits = {"max_orders_per_day": 2, "max_notional_usd_per_4h": 15}
    enroll(db, USER, guardrails=limits)
    codes = []
    # At 10:00, 11:00, 14:01 and 15:30 of the next trading day, and at 10:00 of the one after.
    for hours, price in ((22, 484), (1, 484), (3.02, 484), (1.48, 484), (18.5, 476)):
        simulator.clock.advance(timedelta(hours=hours))
        simulator.market.set_price("SPY", price, live=True)
        tick()
        codes.append(status(db)["held_back"])
        for pending in rows(db, "SELECT question_id FROM confirmations WHERE status = 'pending'"):
            submit(UUID(swipe(pending["question_id"], 10).get_json()["order_id"]))

    assert codes == [{}, {"MAX_NOTIONAL_PER_WINDOW": 1}, {}, {"MAX_ORDERS_PER_DAY": 1}, {}]
    assert len(simulator.ledger.orders()) == 3


@pytest.mark.usefixtures("user")
def test_a_rejection_is_recorded_with_its_message_and_gives_the_slot_back(
    db: Database, simulator: SimulatedBroker
) -> None:
    update_config(
        db,
        guardrails={"max_orders_per_day": 1},
        rules=[{"id": "dip_confirm", "cooldown_seconds": 0}],
    )
    no = {"code": 40310000, "message": "insufficient qty available for order"}
    simulator.faults.add("status", status=403, body=no, method="POST", path="/v2/orders")
    refused = approved(db)
    submit(refused)
    simulator.clock.advance(timedelta(minutes=1))
    accepted = approved(db)
    submit(accepted)

    row = order_row(db, refused)
    assert row["status"] == "rejected"
    assert "insufficient qty available for order" in row["reason"]
    assert order_row(db, accepted)["status"] == "pending_new"


@pytest.mark.parametrize("payload", [b"{}", b'{"order_id": "7"}'])
def test_a_malformed_approval_is_kept_and_acknowledged(db: Database, payload: bytes) -> None:
    reply = deliver("submit_order", payload)

    assert reply.status_code == 200
    (kept,) = rows(db, "SELECT error FROM dead_letters")
    assert "order_id" in kept["error"]


def test_an_approval_of_an_order_that_does_not_exist_is_kept(db: Database) -> None:
    reply = deliver("submit_order", OrderApproved(order_id=uuid.uuid4()))

    assert reply.status_code == 200
    assert len(rows(db, "SELECT 1 FROM dead_letters")) == 1


@pytest.mark.usefixtures("user")
def test_the_order_is_what_was_shown_whatever_the_config_says_now(
    db: Database, simulator: SimulatedBroker
) -> None:
    question_id = asked(db)
    action = {"action": "propose_order", "side": "sell", "notional_usd": 99}
    update_config(db, rules=[{"id": "dip_confirm", "on_answer_match": action}])

    order_id = uuid.UUID(swipe(question_id, 10).get_json()["order_id"])
    submit(order_id)

    (at_broker,) = simulator.ledger.orders()
    assert (at_broker.side, at_broker.notional) == ("buy", Decimal(10))


@pytest.mark.usefixtures("user")
def test_an_order_can_be_walked_back_to_the_snapshots_that_its_rule_saw(db: Database) -> None:
    order_id = approved(db)

    (chain,) = rows(
        db,
        """
        SELECT o.rule_id, q.question_text, p.pct, p.config_hash = o.config_hash AS same_config,
               (SELECT count(*) FROM market_data_snapshots s WHERE s.id = ANY(p.snapshot_ids)) AS n
        FROM trade_orders o JOIN questions q ON q.id = o.question_id
        JOIN opportunities p ON p.id = o.opportunity_id WHERE o.id = :id
        """,
        id=order_id,
    )
    assert chain["rule_id"] == "dip_confirm"
    assert (chain["pct"], chain["same_config"], chain["n"]) == (Decimal("-1.6"), True, 2)


def test_nothing_is_submitted_over_http_get() -> None:
    assert function("submit_order").get("/").status_code == 405
