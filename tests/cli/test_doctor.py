"""`countersign doctor`, on an environment that is well and on ones with a broken piece."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner
from google.cloud import scheduler_v1

from infra.cli import main
from infra.cli.doctor import dashboard_checks
from infra.clients import Clients
from infra.local.dashboard.receiver import DashboardReceiver
from infra.local.postgres import create_database
from infra.local.serving import HttpServer
from infra.local.stack import INTERNAL_TOKEN, PROJECT, SIGNING_SECRET
from infra.postgres import migrate as migrations
from infra.postgres.database import Database
from infra.runtime.clock import SystemClock
from infra.runtime.schedules import load_schedules
from infra.simulator.broker import SimulatedBroker
from tests.conftest import rows
from tests.contract.gcp.cloud_scheduler import Google, client_of

NOWHERE = "http://127.0.0.1:1"


@dataclass(frozen=True)
class Report:
    """What the doctor said, and how it ended."""

    exit_code: int
    findings: list[dict[str, str]]

    def of(self, check: str) -> list[dict[str, str]]:
        return [each for each in self.findings if each["check"] == check]

    def status(self, check: str) -> set[str]:
        return {each["status"] for each in self.of(check)}

    def fails(self) -> set[str]:
        return {each["check"] for each in self.findings if each["status"] == "fail"}


@pytest.fixture
def well(environment: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment as the local stack has it, with a dashboard."""
    receiver = DashboardReceiver(None, INTERNAL_TOKEN, SIGNING_SECRET)
    with closing(receiver), HttpServer(receiver.app) as dashboard:
        environment.setenv("HAIPHEN_API_URL", dashboard.url)
        environment.setenv("FIREBASE_PROJECT_ID", PROJECT)
        yield environment


def examined() -> Report:
    done = CliRunner().invoke(main, ["doctor", "--json"], catch_exceptions=False)
    printed: dict[str, Any] = json.loads(done.stdout)
    report = Report(done.exit_code, printed["findings"])
    assert printed["ok"] == (not report.fails())
    return report


def test_an_environment_that_is_well_has_no_failing_line(well: pytest.MonkeyPatch) -> None:
    report = examined()

    assert well is not None
    assert report.fails() == set()
    assert report.exit_code == 0
    for check in ("settings", "secrets", "database", "kill switch", "broker", "market data"):
        assert "ok" in report.status(check), check
    for check in ("calendar", "dashboard", "clock", "topics", "schedules"):
        assert report.status(check) == {"ok"}, check


def test_it_is_a_table_for_people_with_something_to_do_for_each_trouble(
    well: pytest.MonkeyPatch,
) -> None:
    well.setenv("DATABASE_URL", "postgresql:///x?host=/nowhere")

    done = CliRunner().invoke(main, ["doctor"], env={"COLUMNS": "200"}, catch_exceptions=False)

    assert done.exit_code == 1
    (line,) = (line for line in done.stdout.splitlines() if line.split()[1:2] == ["database"])
    assert line.startswith("FAIL")
    assert "check DATABASE_URL" in line


@pytest.mark.parametrize(
    ("variable", "value", "broken", "advice"),
    [
        ("DATABASE_URL", "postgresql:///x?host=/nowhere", {"database", "kill switch"}, "the way"),
        ("DATABASE_URL", "", {"settings", "database", "kill switch"}, "correct it"),
        ("HAIPHEN_API_URL", NOWHERE, {"dashboard"}, "HAIPHEN_API_URL"),
        ("ALPACA_API_SECRET_KEY", "wrong", {"broker", "market data", "calendar"}, "PK"),
        ("ANSWER_WEBHOOK_SECRET", "whsec_not base64", {"secrets"}, "repair the secret"),
        ("ANSWER_WEBHOOK_SECRET", "", {"settings"}, "every answer would be refused"),
        ("GOOGLE_CLOUD_PROJECT", "another", {"topics"}, "GOOGLE_CLOUD_PROJECT"),
        ("DATABASE_POOL_SIZE", "0", {"settings"}, "correct it"),
        ("SIGNING_SECRET", "", {"settings"}, "push_snapshot"),
        ("FIREBASE_PROJECT_ID", "", {"settings"}, "account_api"),
    ],
)
def test_one_broken_piece_is_named_with_what_to_do_and_hides_no_other(
    well: pytest.MonkeyPatch, variable: str, value: str, broken: set[str], advice: str
) -> None:
    well.setenv(variable, value)

    report = examined()

    assert report.exit_code == 1
    assert report.fails() >= broken
    if variable not in {"ALPACA_API_SECRET_KEY", "DATABASE_POOL_SIZE", "DATABASE_URL"}:
        assert report.fails() == broken
    assert advice in " ".join(each["advice"] for each in report.findings)
    assert {each["check"] for each in report.findings} >= {"broker", "topics", "schedules"}


def test_a_contradiction_is_named_and_the_rest_is_still_looked_at(
    well: pytest.MonkeyPatch,
) -> None:
    well.setenv("ALPACA_TRADING_BASE_URL", "https://api.alpaca.markets")
    report = examined()

    assert "ALPACA_ALLOW_LIVE" in report.of("settings")[0]["message"]
    assert report.status("topics") == {"ok"}


def test_pending_migrations_are_named(
    well: pytest.MonkeyPatch, postgres: str, db: Database
) -> None:
    create_database(postgres, "unmigrated")
    well.setenv("DATABASE_URL", postgres.replace("/countersign?", "/unmigrated?"))

    (failed,) = (each for each in examined().of("database") if each["status"] == "fail")

    assert "0001_app_tables.sql" in failed["message"]
    assert "countersign migrate" in failed["advice"]
    assert rows(db, "SELECT 1 FROM schema_migrations LIMIT 1")


def test_a_server_that_is_too_old_is_refused(well: pytest.MonkeyPatch) -> None:
    well.setattr(migrations, "OLDEST_POSTGRES", 99)

    (failed,) = (each for each in examined().of("database") if each["status"] == "fail")
    migrated = CliRunner().invoke(main, ["migrate"])

    assert failed["message"].startswith("the server is Postgres ")
    assert failed["message"].endswith("; 99 or newer is needed")
    assert migrated.exit_code == 1
    assert str(migrated.exception) == failed["message"]


def test_a_migration_that_was_edited_after_it_was_applied_is_no_pending_one(
    well: pytest.MonkeyPatch, db: Database
) -> None:
    rows(db, "UPDATE schema_migrations SET checksum = 'x' WHERE name LIKE '0001%' RETURNING 1")

    report = examined()

    assert well is not None
    assert any("edited" in each["message"] for each in report.of("database"))
    assert report.exit_code == 1


def test_a_halt_is_a_warning(well: pytest.MonkeyPatch) -> None:
    CliRunner().invoke(main, ["halt", "--why", "looking into it"], catch_exceptions=False)

    (switch,) = examined().of("kill switch")

    assert well is not None
    assert switch["status"] == "warn"
    assert "looking into it" in switch["message"]


def test_a_broker_that_does_not_answer_fails(
    well: pytest.MonkeyPatch, simulator: SimulatedBroker
) -> None:
    simulator.faults.add("status", status=503, path="/v2/account", times=50)

    (broker,) = examined().of("broker")

    assert well is not None
    assert broker["status"] == "fail"


@pytest.mark.parametrize(("seconds", "status"), [(0, "ok"), (20, "warn"), (7200, "fail")])
def test_a_clock_that_is_off_is_seen(well: pytest.MonkeyPatch, seconds: int, status: str) -> None:
    class Slow(SystemClock):
        def now(self) -> datetime:
            return super().now() - timedelta(seconds=seconds)

    well.setattr(dashboard_checks, "SystemClock", Slow)

    assert examined().status("clock") == {status}


def test_a_dashboard_without_a_date_header_is_reachable_all_the_same(
    well: pytest.MonkeyPatch,
) -> None:
    class Undated(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(404)
            self.end_headers()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response_only(400)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Undated) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        well.setenv("HAIPHEN_API_URL", f"http://127.0.0.1:{server.server_port}")
        report = examined()
        server.shutdown()

    assert report.status("dashboard") == {"ok"}
    assert report.status("clock") == {"warn"}


def test_jobs_that_are_missing_paused_or_failing_are_each_named(
    well: pytest.MonkeyPatch,
) -> None:
    first, second, *more, last = (schedule.name for schedule in load_schedules())
    google = Google(*(f"countersign-{name}" for name in more))
    google.add(f"countersign-{first}", state=scheduler_v1.Job.State.PAUSED)
    google.add(f"countersign-{second}", status={"code": 13, "message": "answered 500"})
    well.delenv("PUBSUB_EMULATOR_HOST")

    with client_of(google) as scheduler:
        well.setattr(Clients, "scheduler", scheduler)
        found = {each["message"]: each["status"] for each in examined().of("schedules")}

    assert found == {
        f"{first} is paused": "warn",
        f"{second} failed last: answered 500": "warn",
        f"{last} is not there": "fail",
    }


def test_jobs_that_are_all_there_are_one_line(well: pytest.MonkeyPatch) -> None:
    google = Google(*(f"countersign-{schedule.name}" for schedule in load_schedules()))
    well.delenv("PUBSUB_EMULATOR_HOST")

    with client_of(google) as scheduler:
        well.setattr(Clients, "scheduler", scheduler)

        assert examined().status("schedules") == {"ok"}


def test_a_check_that_breaks_hides_no_other(well: pytest.MonkeyPatch) -> None:
    well.setattr(Clients, "scheduler", None)
    well.delenv("PUBSUB_EMULATOR_HOST")

    report = examined()

    assert report.of("schedules")[0]["message"].startswith("AttributeError")
    assert "ok" in report.status("database")


def test_no_secret_is_in_its_output(well: pytest.MonkeyPatch, simulator: SimulatedBroker) -> None:
    well.setenv("ANSWER_WEBHOOK_SECRET", "whsec_very secret and not base64")
    well.setenv("ALPACA_API_SECRET_KEY", "never-to-be-seen")

    text = json.dumps(examined().findings)

    assert simulator.key_id not in text
    for secret in ("very secret", "never-to-be-seen", INTERNAL_TOKEN, SIGNING_SECRET):
        assert secret not in text


@pytest.mark.parametrize("name", ["INTERNAL_TOKEN", "SIGNING_SECRET"])
def test_a_secret_that_the_dashboard_refuses_is_named(well: pytest.MonkeyPatch, name: str) -> None:
    well.setenv(name, "another-secret-of-enough-length")

    report = examined()

    assert report.fails() == {"dashboard"}
    (failed,) = (each for each in report.of("dashboard") if each["status"] == "fail")
    assert failed["advice"].startswith(f"{name} is not the dashboard's")


def test_an_endpoint_that_is_not_there_is_named(well: pytest.MonkeyPatch) -> None:
    well.setenv("SNAPSHOT_ENDPOINT", "/v1/elsewhere")

    (failed,) = (each for each in examined().of("dashboard") if each["status"] == "fail")

    assert "SNAPSHOT_ENDPOINT" in failed["advice"]


def test_a_kpi_view_that_is_not_there_is_named(well: pytest.MonkeyPatch) -> None:
    well.setenv("MV_SERIES_TABLE", "mine.series")

    report = examined()

    assert report.fails() == {"kpi views"}
    assert [each["message"] for each in report.of("kpi views")] == [
        "mine.series: there is no such view"
    ]
