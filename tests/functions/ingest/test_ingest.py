from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from functions import wiring
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import enroll, function, rows
from tests.functions.steps import messages

pytestmark = pytest.mark.usefixtures("environment")

INPUT = {
    "source": "alpaca",
    "asset_class": "us_equity",
    "feed": "iex",
    "metrics": ["last_trade", "daily_bar", "prev_close"],
}


def test_one_snapshots_request_serves_all_users_and_stores_each_fact_once(db: Database) -> None:
    for uid in ("a", "b", "c"):
        enroll(db, uid)

    reply = function("ingest").post("/")

    assert reply.status_code == 200
    assert reply.get_json() == {"inputs": 1, "facts": 9, "stored": 9}
    stored = rows(db, "SELECT metric, price FROM market_data_snapshots WHERE symbol = 'SPY'")
    assert {r["metric"]: r["price"] for r in stored} == {
        "last_trade": Decimal(492),
        "daily_bar": Decimal(492),
        "prev_close": Decimal(500),
    }
    assert [m["stored"] for m in messages(db, "snapshots-ingested")] == [9]


def data_requests(simulator: SimulatedBroker, broker_url: str) -> int:
    """Ask the broker how many data requests it has counted this minute, this one included."""
    keys = {"APCA-API-KEY-ID": simulator.key_id, "APCA-API-SECRET-KEY": simulator.secret_key}
    reply = httpx.get(f"{broker_url}/v2/stocks/trades/latest?symbols=SPY", headers=keys)
    return int(reply.headers["X-RateLimit-Limit"]) - int(reply.headers["X-RateLimit-Remaining"])


def test_different_inputs_of_several_users_are_fetched_as_one_union(
    db: Database, simulator: SimulatedBroker, broker_url: str
) -> None:
    simulator.market.set_price("TSLA", 300, prev_close=310, live=True)
    enroll(db, "a")
    enroll(db, "b", data_inputs=[INPUT | {"id": "mine", "symbols": ["SPY", "TSLA"]}])
    before = data_requests(simulator, broker_url)

    reply = function("ingest").post("/")

    assert reply.get_json() == {"inputs": 2, "facts": 12, "stored": 12}
    # One of prices, the day's one of corporate actions, and the one that asks.
    assert data_requests(simulator, broker_url) - before == 1 + 1 + 1


def test_a_tick_repeated_by_the_scheduler_fetches_nothing(db: Database) -> None:
    enroll(db, "a")
    function("ingest").post("/")

    again = function("ingest").post("/")

    assert again.get_json() == {"inputs": 0, "facts": 0, "stored": 0}
    assert len(messages(db, "snapshots-ingested")) == 1


def test_the_next_minute_stores_only_what_is_new(db: Database, simulator: SimulatedBroker) -> None:
    enroll(db, "a")
    function("ingest").post("/")
    simulator.clock.advance(timedelta(minutes=1))

    reply = function("ingest").post("/")

    # Last trade and running bar moved on with the clock; yesterday's close did not.
    assert reply.get_json() == {"inputs": 1, "facts": 9, "stored": 6}


def test_a_broken_broker_is_tried_again_next_minute(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, "a")
    simulator.faults.add("status", status=500, times=3, path="/v2/stocks")

    failed = function("ingest").post("/")
    recovered = function("ingest").post("/")

    assert failed.status_code == 503
    assert failed.get_json()["error"]["code"] == "try_again"
    assert recovered.get_json()["stored"] == 9


def test_without_enabled_users_nothing_is_fetched(db: Database) -> None:
    enroll(db, "a", enabled=False)

    assert function("ingest").post("/").get_json() == {"inputs": 0, "facts": 0, "stored": 0}


@pytest.mark.parametrize("switch", ["TRADING_ENABLED", "TRADING_WORKER_INGEST_ENABLED"])
def test_a_switch_stops_it_before_anything_is_fetched(
    environment: pytest.MonkeyPatch, db: Database, simulator: SimulatedBroker, switch: str
) -> None:
    enroll(db, "a")
    environment.setenv(switch, "false")
    wiring.reset()
    simulator.faults.add("status", status=503, times=50)

    reply = function("ingest").post("/")

    assert (reply.status_code, "skipped" in reply.get_json()) == (200, True)
    assert rows(db, "SELECT 1 FROM market_data_snapshots") == []


def test_an_invalid_stored_config_trades_nothing_and_harms_nobody(db: Database) -> None:
    enroll(db, "a")
    enroll(db, "b")
    with db.transaction() as tx:
        tx.run(
            "UPDATE user_trading_config SET config = '{\"version\": 9}' WHERE firebase_uid = 'b'"
        )

    assert function("ingest").post("/").get_json()["inputs"] == 1
