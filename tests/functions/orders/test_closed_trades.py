"""A trade that is closed is history: it is no position, and nothing of it stops its user."""

from datetime import timedelta

import pytest

from infra.postgres.database import Database
from infra.postgres.trading import positions
from infra.postgres.users import account_status
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, rows
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import approved, order_row, submit

pytestmark = pytest.mark.usefixtures("environment")

OFTEN = {
    "rules": [{"id": "dip_confirm", "cooldown_seconds": 0}],
    "guardrails": {"max_orders_per_day": 20},
}


def bought(db: Database, simulator: SimulatedBroker, uid: str) -> str:
    """Buy for 10 USD by a question, and return how the order ended."""
    simulator.clock.advance(timedelta(minutes=3))
    simulator.market.set_price("SPY", 492, live=True)
    order_id = approved(db, uid)
    submit(order_id)
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()
    row = order_row(db, order_id)
    return row["denial_code"] or str(row["status"])


def sold_at_the_broker_and_here(db: Database, simulator: SimulatedBroker) -> None:
    """Close every trade, as if it had been sold long ago."""
    with db.transaction() as tx:
        tx.run("UPDATE trades SET qty = 0, closed_at = opened_at")
    simulator.ledger.clear()


@pytest.fixture
def former_holder(environment: pytest.MonkeyPatch, db: Database, simulator: SimulatedBroker) -> str:
    """A user whose one trade is closed."""
    assert environment
    enroll(db, USER, **OFTEN)
    assert bought(db, simulator, USER) == "filled"
    sold_at_the_broker_and_here(db, simulator)
    return USER


def test_it_is_not_opened_again_and_no_second_position(
    db: Database, simulator: SimulatedBroker, former_holder: str
) -> None:
    ends = [bought(db, simulator, former_holder) for _ in range(2)]

    assert ends == ["filled", "filled"]
    stored = rows(db, "SELECT qty > 0 AS is_open FROM trades ORDER BY id")
    assert [each["is_open"] for each in stored] == [False, True]
    assert len(rows(db, "SELECT 1 FROM trade_fills")) == 3


@pytest.mark.usefixtures("former_holder")
def test_nobody_holds_what_was_closed(db: Database) -> None:
    with db.transaction() as tx:
        assert positions.totals(tx) == {}
        assert positions.held_stocks(tx) == set()
        (key,) = tx.rows("SELECT DISTINCT config_key FROM rule_status")
        shown = account_status.rules(tx, USER, key["config_key"])
    assert [each["holds"] for each in shown] == [False]


DRIFT = "INSERT INTO position_drifts VALUES ('SPY', 2, 1, now())"
UNEXPLAINED = """
    INSERT INTO corporate_actions (id, kind, symbol, ex_date, effect, new_rate, old_rate,
                                   announced_at)
    VALUES ('gap', 'unexplained', 'SPY', '2026-02-10', 'unexplained', 1, 1,
            '2026-02-10T00:00:00Z')
"""


@pytest.mark.parametrize(
    ("found", "code"), [(DRIFT, "POSITION_DRIFT"), (UNEXPLAINED, "CORPORATE_ACTION")]
)
def test_what_is_wrong_with_a_symbol_stops_only_who_holds_it_now(
    db: Database, simulator: SimulatedBroker, former_holder: str, found: str, code: str
) -> None:
    enroll(db, "holder", **OFTEN)
    orders = {}
    simulator.clock.advance(timedelta(minutes=3))
    simulator.market.set_price("SPY", 492, live=True)
    for uid in ("holder", former_holder):
        orders[uid] = approved(db, uid)
    with db.transaction() as tx:
        tx.run(
            """
            INSERT INTO trades (firebase_uid, symbol, asset_class, qty, avg_entry_price, opened_at,
                                opening_order_id)
            SELECT 'holder', 'SPY', 'us_equity', 1, 490, '2026-02-09T15:00:00Z', id
            FROM trade_orders WHERE firebase_uid = 'holder'
            """
        )
        tx.run("UPDATE trades SET opened_at = '2026-02-09T15:00:00Z'")
        tx.run(found)

    for order_id in orders.values():
        submit(order_id)

    codes = {uid: order_row(db, order_id)["denial_code"] for uid, order_id in orders.items()}
    assert codes == {"holder": code, former_holder: None}
