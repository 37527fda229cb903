"""The real client of Cloud Scheduler, and what operators do with it, over local gRPC."""

from collections.abc import Iterator

import grpc
import pytest
import yaml
from click.testing import CliRunner, Result

from common.errors import PermanentError, TransientError
from infra.cli import main
from infra.clients import Clients
from infra.gcp import scheduler as adapter
from infra.gcp.scheduler import CloudScheduler
from infra.postgres.database import Database
from infra.runtime.schedules import SCHEDULES_FILE
from infra.workflows import kill_switch
from tests.conftest import USER, enroll, rows
from tests.contract.gcp.cloud_scheduler import LOCATION, NEXT, Google, client_of


@pytest.fixture
def google() -> Google:
    """Two jobs of ours, and one of another deployment."""
    return Google("countersign-relay-outbox", "countersign-ingest", "staging-ingest")


@pytest.fixture
def scheduler(google: Google) -> Iterator[CloudScheduler]:
    with client_of(google) as client:
        yield client


class TestClient:
    def test_the_jobs_of_this_deployment_are_listed_over_all_pages(
        self, scheduler: CloudScheduler
    ) -> None:
        jobs = scheduler.jobs()

        assert [job.name for job in jobs] == ["ingest", "relay-outbox"]
        assert jobs[0].state == "ENABLED"
        assert jobs[0].next_run == NEXT
        assert jobs[0].last_run is None
        assert jobs[0].last_error == ""

    def test_the_error_of_the_last_run_is_shown(
        self, scheduler: CloudScheduler, google: Google
    ) -> None:
        google.jobs["countersign-ingest"].status = {"code": 13, "message": "answered 500"}

        assert scheduler.jobs()[0].last_error == "answered 500"

    def test_a_job_is_paused_resumed_and_run_by_its_schedules_name(
        self, scheduler: CloudScheduler, google: Google
    ) -> None:
        assert scheduler.pause("ingest").state == "PAUSED"
        assert google.state("countersign-ingest") == "PAUSED"
        assert google.state("staging-ingest") == "ENABLED"
        assert scheduler.resume("ingest").state == "ENABLED"
        assert scheduler.run("ingest").name == "ingest"
        assert google.ran == [f"{LOCATION}/jobs/countersign-ingest"]

    @pytest.mark.parametrize(
        ("code", "kind", "words"),
        [
            (grpc.StatusCode.NOT_FOUND, PermanentError, "schedules list"),
            (grpc.StatusCode.PERMISSION_DENIED, PermanentError, "roles/cloudscheduler.admin"),
            (grpc.StatusCode.UNAUTHENTICATED, PermanentError, "application-default login"),
            (grpc.StatusCode.FAILED_PRECONDITION, PermanentError, "in words"),
            (grpc.StatusCode.UNAVAILABLE, TransientError, "cannot be reached"),
            (grpc.StatusCode.DEADLINE_EXCEEDED, TransientError, "cannot be reached"),
        ],
    )
    def test_each_error_says_what_to_do_and_whether_to_try_again(
        self,
        scheduler: CloudScheduler,
        google: Google,
        code: grpc.StatusCode,
        kind: type[Exception],
        words: str,
    ) -> None:
        google.failures["pause"] = code, "in words"

        with pytest.raises(kind, match=words) as raised:
            scheduler.pause("ingest")

        assert "countersign-ingest" in str(raised.value)

    def test_no_answer_in_time_is_transient(
        self, scheduler: CloudScheduler, google: Google, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(adapter, "_TIMEOUT_SECONDS", 0.05)
        google.delay_seconds = 0.3

        with pytest.raises(TransientError, match="DeadlineExceeded"):
            scheduler.jobs()


@pytest.fixture
def operator(
    scheduler: CloudScheduler, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> pytest.MonkeyPatch:
    """An operator's environment; the scheduler that it names is the local one."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_CLOUD_REGION", "europe-west1")
    monkeypatch.setattr(Clients, "scheduler", scheduler)
    return monkeypatch


def countersign(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "160"}, catch_exceptions=False)


def states(db: Database) -> list[str]:
    return [row["state"] for row in rows(db, "SELECT state FROM trading_controls")]


@pytest.mark.usefixtures("operator")
class TestCommands:
    def test_the_list_shows_each_jobs_state_and_next_run(self, google: Google) -> None:
        countersign("schedules", "pause", "ingest")
        assert google.state("countersign-ingest") == "PAUSED"

        output = countersign("schedules", "list").output

        assert "staging" not in output
        ingest, relay = (
            next(x for x in output.splitlines() if n in x) for n in ("ingest", "relay")
        )
        assert "paused" in ingest
        assert "enabled" in relay
        assert "2026-02-10 12:01" in relay

    def test_jobs_are_paused_resumed_and_run(self, google: Google) -> None:
        assert "ingest: paused" in countersign("schedules", "pause", "ingest").output
        assert "ingest: enabled" in countersign("schedules", "resume", "ingest").output
        assert "ingest: started" in countersign("schedules", "run", "ingest").output
        assert len(google.ran) == 1

    def test_halt_sets_the_switch_and_pauses_what_leads_to_orders(
        self, google: Google, db: Database
    ) -> None:
        output = countersign("halt", "--why", "test").output

        assert "trading jobs paused: ingest" in output
        assert states(db) == ["halted"]
        assert google.state("countersign-ingest") == "PAUSED"
        assert google.state("countersign-relay-outbox") == "ENABLED"
        assert google.state("staging-ingest") == "ENABLED"

    def test_halting_twice_is_no_error_and_resume_lets_both_go(
        self, google: Google, db: Database
    ) -> None:
        countersign("halt", "--why", "test")
        assert "none was to be" in countersign("halt", "--why", "again").output

        assert "trading jobs resumed: ingest" in countersign("resume", "--why", "over").output
        assert states(db) == ["active"]
        assert google.state("countersign-ingest") == "ENABLED"

    def test_halting_one_user_leaves_the_jobs_of_all_alone(
        self, google: Google, db: Database
    ) -> None:
        enroll(db, USER)

        countersign("halt", "--user", USER, "--why", "test")

        assert states(db) == ["halted"]
        assert google.state("countersign-ingest") == "ENABLED"

    @pytest.mark.parametrize("method", ["list", "pause"])
    def test_a_scheduler_that_fails_is_reported_and_the_switch_stands(
        self, google: Google, db: Database, method: str
    ) -> None:
        google.failures[method] = grpc.StatusCode.UNAVAILABLE, "later"

        done = countersign("halt", "--why", "test")

        assert "not paused" in done.stderr
        assert states(db) == ["halted"]
        assert done.exit_code == 0

    def test_without_a_region_halt_is_the_switch_alone(
        self, operator: pytest.MonkeyPatch, google: Google, db: Database
    ) -> None:
        operator.delenv("GOOGLE_CLOUD_REGION")

        assert "jobs" not in countersign("halt", "--why", "test").output
        assert states(db) == ["halted"]
        assert google.state("countersign-ingest") == "ENABLED"


def test_what_is_not_configured_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)

    with pytest.raises(Exception, match="GOOGLE_CLOUD_PROJECT is not set"):
        countersign("schedules", "list")


def test_the_trading_jobs_are_in_the_schedules() -> None:
    schedules = {job["name"]: job["function"] for job in yaml.safe_load(SCHEDULES_FILE.read_text())}

    assert {name for name, function in schedules.items() if function == "ingest"} == set(
        kill_switch.TRADING_JOBS
    )
