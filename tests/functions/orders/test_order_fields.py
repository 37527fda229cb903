"""Every field of an order comes from what its user saw, and reaches the broker and the reader."""

import re
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest

from common.actions import Proposal, ProposeOrder
from common.orders.order import Order
from common.orders.status import TERMINAL
from common.questions import Terms
from infra.postgres.database import Database
from infra.postgres.trading import order_columns, traces
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, USER, enroll, rows
from tests.functions.steps import approved, order_row, submit, tick

pytestmark = pytest.mark.usefixtures("environment")

LIMIT_ORDER = {
    "id": "dip_confirm",
    "max_price_drift_pct": "0.75",
    "on_answer_match": {
        "action": "propose_order",
        "side": "buy",
        "notional_usd": None,
        "qty": "2",
        "order_type": "limit",
        "limit_offset_pct": "-0.5",
        "time_in_force": "gtc",
    },
}
# What the database alone knows of an order.
OURS = {"alpaca_order_id", "submitted_at", "filled_at", "raw"}
OURS |= {"reserved_at", "reserved_usd", "outcome_unknown_at"}


def ordered(db: Database, *, asked: bool) -> dict[str, Any]:
    limits = {"require_question_before_order": asked, "max_notional_usd_per_4h": 5000}
    enroll(db, USER, rules=[LIMIT_ORDER], guardrails=limits)
    if asked:
        return order_row(db, approved(db))
    tick()
    (order,) = rows(db, "SELECT * FROM trade_orders")
    return order


@pytest.mark.parametrize("asked", [True, False])
def test_a_limit_order_keeps_every_field(
    db: Database, simulator: SimulatedBroker, *, asked: bool
) -> None:
    order = ordered(db, asked=asked)

    kept = {name: order[name] for name in order_columns.FROM_TERMS}
    (opportunity,) = rows(db, "SELECT * FROM opportunities")
    assert kept == {
        "symbol": "SPY",
        "asset_class": "us_equity",
        "side": "buy",
        "order_type": "limit",
        "time_in_force": "gtc",
        "notional_usd": None,
        "qty": Decimal(2),
        "limit_offset_pct": Decimal("-0.5"),
        "rule_id": "dip_confirm",
        "seen_price": opportunity["price"],
        "max_price_drift_pct": Decimal("0.75"),
        "config_hash": opportunity["config_hash"],
        "expires_at": kept["expires_at"],
    }
    assert kept["expires_at"] > NOON
    assert (order["status"], order["firebase_uid"]) == ("approved", USER)
    assert order["opportunity_id"] == opportunity["id"]
    assert (order["question_id"] is not None) is asked

    submit(order["id"])
    (at_broker,) = simulator.ledger.orders()
    sent = (at_broker.side, at_broker.type, at_broker.time_in_force, at_broker.qty)
    assert sent == ("buy", "limit", "gtc", Decimal(2))
    assert at_broker.limit_price == order_row(db, order["id"])["limit_price"] is not None

    with db.transaction() as tx:
        trace = traces.read(tx, USER, order["id"])
    assert trace is not None
    shown = trace["order"]
    assert {name: shown[name] for name in kept.keys() & shown.keys()} == {
        name: kept[name] for name in kept.keys() & shown.keys()
    }


def test_each_field_has_one_source_and_its_place_in_the_table(db: Database) -> None:
    read = {field.name for field in fields(Order)}
    sources = (
        set(order_columns.MADE_WITH),
        set(order_columns.FROM_TERMS),
        set(order_columns.LATER),
    )
    assert read <= set.union(*sources)
    assert sum(map(len, sources)) == len(set.union(*sources))

    table = {
        row["column_name"]
        for row in rows(
            db,
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'trade_orders'",
        )
    }
    assert table == set.union(*sources) | OURS


def test_what_a_rule_proposes_is_shown_and_ordered() -> None:
    proposed = {field.name for field in fields(Proposal)}

    assert ProposeOrder.model_fields.keys() - {"action"} <= proposed
    assert proposed <= Terms.model_fields.keys()
    assert proposed <= set(order_columns.FROM_TERMS)


def test_the_index_over_open_orders_names_the_statuses_of_the_table(db: Database) -> None:
    (index,) = rows(db, "SELECT indexdef FROM pg_indexes WHERE indexname = 'trade_orders_open'")

    assert set(re.findall(r"'(\w+)'", index["indexdef"])) == TERMINAL
