"""QUESTION_PIPELINE_TEST_MODE: the whole way of an order, and nothing to reach outside."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from common.messages import SnapshotsIngested
from functions import wiring
from infra.cli import main
from infra.postgres.database import Database
from infra.runtime.clock import SystemClock
from tests.conftest import USER, enroll, function, rows
from tests.functions.steps import deliver, order_row, submit, swipe

MARKET = {"SPY": {"price": 492, "prev_close": 500, "volume": 1_000_000}}


@pytest.fixture
def deployed(environment: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A deployment without a broker: no key, no host that could be reached."""
    for name in ("ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY", "BROKER_CLOCK"):
        environment.delenv(name)
    environment.delenv("ALPACA_TRADING_BASE_URL")
    environment.delenv("ALPACA_DATA_BASE_URL")
    environment.setenv("QUESTION_PIPELINE_TEST_MODE", "true")
    wiring.reset()
    load(tmp_path, MARKET)
    return environment


def load(folder: Path, market: dict[str, Any]) -> str:
    file = folder / "market.json"
    file.write_text(json.dumps(market))
    done = CliRunner().invoke(main, ["fixtures", "load", str(file)])
    assert done.exit_code == 0, done.output
    return done.output


def tick() -> None:
    reply = function("ingest").post("/")
    assert reply.status_code == 200, reply.text
    now = SystemClock().now()
    assert deliver("evaluate", SnapshotsIngested(ingested_at=now, stored=1)).status_code == 200


def question(db: Database) -> str:
    (pending,) = rows(db, "SELECT question_id FROM confirmations WHERE status = 'pending'")
    return str(pending["question_id"])


@pytest.mark.usefixtures("deployed")
def test_an_order_is_asked_approved_and_filled_without_a_broker(db: Database) -> None:
    enroll(db, USER)

    tick()
    answered = swipe(question(db), 10, answered_at=SystemClock().now().isoformat())
    order_id = answered.get_json()["order_id"]
    assert submit(order_id).status_code == 200

    order = order_row(db, order_id)
    assert order["status"] == "filled"
    assert order["alpaca_order_id"].startswith("fake-")
    assert order["filled_avg_price"] == 492
    assert rows(db, "SELECT symbol FROM trades") == [{"symbol": "SPY"}]


@pytest.mark.usefixtures("deployed")
def test_the_plans_scenario_asks_once_with_its_text(db: Database) -> None:
    enroll(db, USER)
    asked = "SELECT question_text, pipeline_key, pipeline_step FROM questions"

    tick()
    (before,) = rows(db, asked)
    answered = swipe(question(db), 10, answered_at=SystemClock().now().isoformat())
    submit(answered.get_json()["order_id"])
    tick()

    assert before["question_text"].startswith("SPY is down 1.6% vs yesterday")
    assert (before["pipeline_key"], before["pipeline_step"]) == (
        "trading",
        "dip_confirm:await_confirm",
    )
    assert [row["pipeline_step"] for row in rows(db, asked)] == ["dip_confirm:done"]


@pytest.mark.usefixtures("deployed")
def test_a_second_delivery_and_a_reconciliation_find_the_order_again(db: Database) -> None:
    enroll(db, USER)
    tick()
    answered = swipe(question(db), 10, answered_at=SystemClock().now().isoformat())
    order_id = answered.get_json()["order_id"]

    for _ in range(2):
        assert submit(order_id).status_code == 200
    assert function("reconcile_orders").post("/").status_code == 200

    assert len(rows(db, "SELECT id FROM fake_orders")) == 1
    assert order_row(db, order_id)["status"] == "filled"


@pytest.mark.usefixtures("deployed")
def test_the_orders_since_an_instant_are_listed_oldest_first(db: Database) -> None:
    uids = (USER, "another", "third")
    for uid in uids:
        enroll(db, uid)
    tick()
    now = SystemClock().now()
    for hours, uid in enumerate(uids):
        (pending,) = rows(
            db, "SELECT question_id FROM confirmations WHERE firebase_uid = :uid", uid=uid
        )
        answered = swipe(pending["question_id"], 10, uid, answered_at=now.isoformat())
        assert submit(answered.get_json()["order_id"]).status_code == 200
        with db.transaction() as tx:  # the first is the newest
            tx.run(
                "UPDATE fake_orders SET submitted_at = :at WHERE client_order_id LIKE :own",
                at=now - timedelta(hours=hours),
                own=f"cs-{pending['question_id']}-%",
            )

    trading = wiring.current().trading

    ids = {
        row["firebase_uid"]: row["client_order_id"]
        for row in rows(db, "SELECT firebase_uid, client_order_id FROM trade_orders")
    }
    listed = [order.client_order_id for order in trading.orders("closed", now - timedelta(hours=2))]
    assert listed == [ids["another"], ids[USER]]
    assert list(trading.orders("open", now - timedelta(hours=2))) == []


@pytest.mark.usefixtures("deployed")
def test_a_symbol_without_a_fixture_is_said_and_asks_nobody(db: Database, tmp_path: Path) -> None:
    load(tmp_path, {"AAPL": {"price": 228, "prev_close": 227}})
    enroll(db, USER)

    tick()

    assert rows(db, "SELECT * FROM confirmations") == []


@pytest.mark.usefixtures("environment")
def test_a_wrong_fixture_is_named(tmp_path: Path) -> None:
    file = tmp_path / "market.json"
    file.write_text('{"SPY": {"price": 0, "prev_close": 500}, "AAPL": {"price": 1}}')

    done = CliRunner().invoke(main, ["fixtures", "load", str(file)])

    assert done.exit_code != 0
    assert "SPY.price" in str(done.exception)
    assert "AAPL.prev_close" in str(done.exception)
