from decimal import Decimal

import pytest

from infra.local.broker.broker import SimulatedBroker
from infra.postgres.database import Database
from tests.conftest import enroll, function, rows

pytestmark = pytest.mark.usefixtures("environment")


def test_one_snapshots_request_serves_all_users_and_stores_each_fact_once(
    db: Database, simulator: SimulatedBroker
) -> None:
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
