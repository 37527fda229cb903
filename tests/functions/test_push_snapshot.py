"""Pushes through the function: what goes out, what is kept back, and what is recorded."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from common.market import Session
from common.sessions import CalendarDay
from common.snapshot.catalog import CATALOG, DASH
from functions import wiring
from infra.local.dashboard.receiver import DashboardReceiver
from infra.postgres.database import Database
from infra.postgres.market import sessions
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, function, rows
from tests.functions.pushes import DAY, Dashboard, change, push, results, running_dashboard, scan
from tests.functions.steps import approved, submit

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def sites(environment: pytest.MonkeyPatch) -> Iterator[Dashboard]:
    with running_dashboard(environment, d1=False) as sites:
        yield sites


@pytest.fixture
def dashboard(sites: Dashboard) -> DashboardReceiver:
    return sites.api


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
    assert list(day.kpis) == list(CATALOG)
    shown = {kpi: value for kpi, value in day.kpis.items() if value != DASH}
    assert (
        shown.items()
        >= {
            "Signals scanned": "9",
            "Opportunities flagged": "1",
            "Notifications sent": "1",
            "Entries opened": "1",
            "Exits closed": "0",
            "Daily PnL": "$0.00",
            "Portfolio": "1",
        }.items()
    )
    assert day.portfolio_assets == 1
    assert reply.get_json()["body_bytes"] == dashboard.received[0].body_bytes


@pytest.mark.usefixtures("dashboard")
def test_what_is_missing_is_answered_logged_and_recorded(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    reply = push().get_json()

    assert reply["missing"]["kpis"]["Delta"] == "no option contract was scanned that day"
    assert "Delta" in reply["missing"]["series"]
    assert "Delta" in reply["missing"]["extremes"]
    (audit,) = rows(db, "SELECT * FROM snapshot_pushes")
    assert (audit["result"], audit["request_id"]) == ("accepted", reply["request_id"])
    assert audit["body_bytes"] == reply["body_bytes"]
    assert audit["missing"] == reply["missing"]
    (event,) = events(caplog, "snapshot_pushed")
    assert (
        vars(event).items()
        >= {
            "date": DAY,
            "result": "accepted",
            "missing_kpis": len(reply["missing"]["kpis"]),
            "missing_series": len(reply["missing"]["series"]),
            "missing_extremes": len(reply["missing"]["extremes"]),
        }.items()
    )


@pytest.mark.usefixtures("user")
def test_a_later_push_replaces_the_day(
    db: Database, simulator: SimulatedBroker, sites: Dashboard
) -> None:
    push()
    simulator.clock.advance(timedelta(hours=1))
    scan()

    reply = push()

    assert reply.get_json()["status"] == "accepted"
    assert sites.updated_at() == reply.get_json()["updated_at"] == f"{DAY}T18:00:00.000Z"
    assert sites.is_whole()
    assert results(db) == ["accepted", "accepted"]


def test_what_is_unchanged_is_recorded_and_not_sent_again(
    db: Database,
    simulator: SimulatedBroker,
    dashboard: DashboardReceiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    first = push().get_json()
    simulator.clock.advance(timedelta(seconds=30))

    again = push()

    assert (again.status_code, again.get_json()["status"]) == (200, "unchanged")
    assert len(dashboard.received) == 1
    sent, kept = rows(db, "SELECT * FROM snapshot_pushes ORDER BY id")
    assert (sent["result"], kept["result"]) == ("accepted", "unchanged")
    assert sent["content_sha256"] == kept["content_sha256"]
    assert sent["body_sha256"] != kept["body_sha256"], "the bodies differ in `updated_at`"
    assert kept["missing"] == first["missing"]
    logged = [vars(each)["result"] for each in events(caplog, "snapshot_pushed")]
    assert logged == ["accepted", "unchanged"]


def test_force_sends_what_is_unchanged(db: Database, dashboard: DashboardReceiver) -> None:
    push()

    assert push(force=True).get_json()["status"] == "accepted"
    assert len(dashboard.received) == 2
    assert results(db) == ["accepted", "accepted"]


def test_a_past_day_can_be_pushed_as_a_backfill(dashboard: DashboardReceiver) -> None:
    reply = push(date="2026-02-09")

    assert reply.get_json()["date"] == "2026-02-09"
    assert dashboard.day("2026-02-09") is not None


@pytest.mark.parametrize(
    "body",
    [
        {"date": "2026-02-11"},
        {"date": "2026-13-45"},
        {"date": 7},
        {"day": "2026-02-10"},
        {"force": "perhaps"},
    ],
)
def test_a_wrong_request_is_refused_by_name(
    db: Database, dashboard: DashboardReceiver, body: dict[str, Any]
) -> None:
    reply = push(**body)

    assert reply.status_code == 422
    assert next(iter(body)) in reply.get_json()["error"]["message"]
    assert dashboard.received == []
    assert results(db) == []


def calendar(db: Database, hours: Session | None) -> None:
    with db.transaction() as tx:
        sessions.store(tx, [CalendarDay(date(2026, 2, 10), hours, hours)], NOON)


def test_nothing_is_pushed_on_a_holiday(
    db: Database, dashboard: DashboardReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    calendar(db, None)

    reply = push()

    assert reply.status_code == 200
    assert reply.get_json() == {
        "status": "skipped",
        "date": DAY,
        "why": "the market stays closed that day",
    }
    assert dashboard.received == []
    assert results(db) == ["skipped"]
    assert events(caplog, "snapshot_skipped")


@pytest.mark.parametrize("body", [{"force": True}, {"date": DAY}])
def test_a_holiday_is_pushed_where_somebody_asks_for_it(
    db: Database, dashboard: DashboardReceiver, body: dict[str, Any]
) -> None:
    calendar(db, None)

    assert push(**body).get_json()["status"] == "accepted"
    assert len(dashboard.received) == 1


def test_a_trading_day_is_pushed_before_and_after_its_session(
    db: Database, dashboard: DashboardReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    hours = Session(*(datetime(2026, 2, 10, hour, tzinfo=UTC) for hour in (14, 16)))
    calendar(db, hours)

    assert push().get_json()["status"] == "accepted"
    assert len(dashboard.received) == 1
    assert not events(caplog, "calendar_unknown")


def test_an_unknown_calendar_keeps_no_snapshot_back(
    dashboard: DashboardReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    assert push().get_json()["status"] == "accepted"
    assert len(dashboard.received) == 1
    assert events(caplog, "calendar_unknown")


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[logging.LogRecord]:
    return [each for each in caplog.records if vars(each).get("event") == name]


@pytest.mark.parametrize("result", ["accepted", "sending", "unreachable", "stored_in_d1"])
def test_an_older_snapshot_never_overwrites_what_may_be_a_newer_one(
    db: Database, simulator: SimulatedBroker, dashboard: DashboardReceiver, result: str
) -> None:
    push()
    with db.transaction() as tx:
        tx.run(
            "UPDATE snapshot_pushes SET result = :result, content_sha256 = 'of other rows',"
            " updated_at = updated_at + interval '1 second'",
            result=result,
        )

    statuses = []
    for _ in range(3):
        statuses.append(push().get_json()["status"])
        simulator.clock.advance(timedelta(milliseconds=1000 if len(statuses) == 1 else 1))

    # Before it, in its very millisecond, and after it.
    assert statuses == ["a newer one was sent", "a newer one was sent", "accepted"]
    assert len(dashboard.received) == 2


def test_a_snapshot_that_was_refused_keeps_nothing_back(
    db: Database, dashboard: DashboardReceiver
) -> None:
    push()
    with db.transaction() as tx:
        tx.run(
            "UPDATE snapshot_pushes SET result = 'refused',"
            " updated_at = updated_at + interval '1 second'"
        )

    assert push().get_json()["status"] == "accepted"
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
    assert sorted(results(db)) == ["accepted", "already_running"]


@pytest.mark.usefixtures("user")
def test_a_position_that_is_opened_meanwhile_is_in_the_whole_snapshot_or_in_nothing_of_it(
    db: Database, simulator: SimulatedBroker, dashboard: DashboardReceiver
) -> None:
    submit(approved(db))
    simulator.clock.advance(timedelta(seconds=5))
    pushing = threading.Thread(target=push)

    with db.transaction() as tx:
        # Holds the refreshes back when the figures are computed and the portfolio is not.
        tx.run("ANALYZE utils_statistics.daily_trade_extremes_mv")
        pushing.start()
        while not rows(db, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            pushing.join(0.01)
        function("reconcile_orders").post("/")
    pushing.join()

    day = dashboard.day(DAY)
    assert day is not None
    assert len(rows(db, "SELECT 1 FROM trades")) == 1
    assert int(day.kpis["Portfolio"]) == day.portfolio_assets == 0


def test_a_refresh_holds_no_more_days_than_it_needs(
    db: Database, dashboard: DashboardReceiver
) -> None:
    for day in range(1, 10):
        push(date=f"2026-02-0{day}")

    days = rows(db, "SELECT DISTINCT report_date FROM utils_statistics.daily_trade_kpis_mv")
    assert len(days) == 5
    assert len(dashboard.received) == 9


@pytest.mark.usefixtures("sites")
@pytest.mark.parametrize("name", ["HAIPHEN_API_URL", "INTERNAL_TOKEN", "SIGNING_SECRET"])
def test_a_missing_setting_is_named(
    environment: pytest.MonkeyPatch, db: Database, name: str
) -> None:
    change(environment, **{name: ""})

    reply = push()

    assert reply.status_code == 500
    assert name in reply.text
    (row,) = rows(db, "SELECT result, error FROM snapshot_pushes")
    assert (row["result"], row["error"]) == ("failed", f"{name} is not set")


@pytest.mark.usefixtures("sites")
def test_views_of_another_name_are_read(environment: pytest.MonkeyPatch, db: Database) -> None:
    names = {"KPI": "kpis", "SERIES": "series", "EXTREMES": "extremes", "PORTFOLIO": "portfolio"}
    for name, view in names.items():
        default, renamed = f"daily_trade_{view}_mv", f"my_{view}"
        with db.transaction() as tx:
            tx.run(f"ALTER MATERIALIZED VIEW utils_statistics.{default} RENAME TO {renamed}")
        change(environment, **{f"MV_{name}_TABLE": f"utils_statistics.{renamed}"})

    assert push().get_json()["status"] == "accepted"
    assert wiring.current().views.extremes == "utils_statistics.my_extremes"
