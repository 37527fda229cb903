import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from functions import wiring
from infra.local.broker.broker import SimulatedBroker
from infra.local.dashboard import DashboardReceiver
from infra.local.serving import Server
from infra.local.stack import INTERNAL_TOKEN, SIGNING_SECRET
from infra.postgres.database import Database
from tests.conftest import function, rows
from tests.functions.steps import approved, submit

pytestmark = pytest.mark.usefixtures("environment")

DAY = "2026-02-10"


@pytest.fixture
def dashboard(environment: pytest.MonkeyPatch) -> Iterator[DashboardReceiver]:
    receiver = DashboardReceiver(None, INTERNAL_TOKEN, SIGNING_SECRET)
    with Server(receiver.app) as server:
        environment.setenv("HAIPHEN_API_URL", server.url)
        yield receiver
    receiver.close()


def push(body: dict[str, Any] | None = None) -> Any:
    return function("push_snapshot").post("/", json=body or {})


@pytest.mark.usefixtures("user")
def test_a_day_is_pushed_signed_and_stored_by_the_dashboard(
    db: Database, simulator: SimulatedBroker, dashboard: DashboardReceiver
) -> None:
    submit(approved(db))
    simulator.clock.advance(timedelta(seconds=5))
    function("reconcile_orders").post("/")

    reply = push()

    assert reply.status_code == 200
    assert reply.get_json()["status"] == "accepted"
    assert [(r.status, r.signature_verified) for r in dashboard.received] == [(200, True)]
    day = dashboard.day(DAY)
    assert day is not None
    assert day.kpis == {
        "Signals scanned": "9",
        "Opportunities flagged": "1",
        "Notifications sent": "1",
        "Entries opened": "1",
        "Exits closed": "0",
        "Avg hold time": "—",
        "Daily PnL": "$0.00",
        "Portfolio": "1",
    }
    assert day.portfolio_assets == 1
    (audit,) = rows(db, "SELECT * FROM snapshot_pushes")
    assert (audit["result"], audit["request_id"]) == ("accepted", reply.get_json()["request_id"])
    assert audit["body_bytes"] == dashboard.received[0].body_bytes
    assert "Delta" in audit["missing"]


def test_pushing_again_replaces_the_day(db: Database, dashboard: DashboardReceiver) -> None:
    replies = [push().status_code, push().status_code]

    assert replies == [200, 200]
    day = dashboard.day(DAY)
    assert day is not None
    assert len(day.kpis) == 8
    assert len(rows(db, "SELECT 1 FROM snapshot_pushes WHERE result = 'accepted'")) == 2


def test_a_past_day_can_be_pushed_as_a_backfill(dashboard: DashboardReceiver) -> None:
    reply = push({"date": "2026-02-09"})

    assert reply.get_json()["date"] == "2026-02-09"
    assert dashboard.day("2026-02-09") is not None


@pytest.mark.parametrize(
    "body", [{"date": "2026-02-11"}, {"date": "2026-13-45"}, {"date": 7}, {"day": "2026-02-10"}]
)
def test_a_wrong_date_is_refused_by_name(
    db: Database, dashboard: DashboardReceiver, body: dict[str, Any]
) -> None:
    reply = push(body)

    assert reply.status_code == 422
    assert next(iter(body)) in reply.get_json()["error"]["message"]
    assert dashboard.received == []
    assert rows(db, "SELECT 1 FROM snapshot_pushes") == []


def test_a_wrong_token_is_recorded_as_refused_and_not_repeated(
    environment: pytest.MonkeyPatch, db: Database, dashboard: DashboardReceiver
) -> None:
    environment.setenv("INTERNAL_TOKEN", "wrong")
    wiring.reset()

    reply = push()

    assert reply.status_code == 400
    assert len(dashboard.received) == 1
    (audit,) = rows(db, "SELECT result, error FROM snapshot_pushes")
    assert audit["result"] == "refused"
    assert "403" in audit["error"]


def test_a_passing_failure_is_retried(db: Database, dashboard: DashboardReceiver) -> None:
    dashboard.fail_next(500)

    reply = push()

    assert reply.status_code == 200
    assert [r.status for r in dashboard.received] == [500, 200]
    assert len(rows(db, "SELECT 1 FROM snapshot_pushes")) == 1


def test_an_older_snapshot_never_overwrites_a_newer_one(
    db: Database, simulator: SimulatedBroker, dashboard: DashboardReceiver
) -> None:
    push()
    with db.transaction() as tx:
        tx.run("UPDATE snapshot_pushes SET updated_at = updated_at + interval '1 second'")
    simulator.clock.advance(timedelta(milliseconds=999))

    older = push()
    simulator.clock.advance(timedelta(milliseconds=1))
    newer = push()

    assert "newer" in older.get_json()["status"]
    assert newer.get_json()["status"] == "accepted"
    assert len(dashboard.received) == 2


def test_of_two_pushes_at_once_one_goes_out(db: Database, dashboard: DashboardReceiver) -> None:
    dashboard.slow_next(0.5)
    replies: list[str] = []
    barrier = threading.Barrier(2)

    def race() -> None:
        barrier.wait()
        replies.append(push().get_json()["status"])

    threads = [threading.Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(replies) == ["accepted", "already running"]
    assert len(dashboard.received) == 1
    assert len(rows(db, "SELECT 1 FROM snapshot_pushes")) == 1


def test_a_refresh_holds_no_more_days_than_it_needs(
    db: Database, dashboard: DashboardReceiver
) -> None:
    for day in range(1, 10):
        push({"date": f"2026-02-0{day}"})

    days = rows(db, "SELECT DISTINCT report_date FROM utils_statistics.daily_trade_kpis_mv")
    assert len(days) == 5
    assert len(dashboard.received) == 9


def test_a_missing_setting_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HAIPHEN_API_URL", "")
    wiring.reset()

    reply = push()

    assert reply.status_code == 500
    assert "HAIPHEN_API_URL" in reply.text
