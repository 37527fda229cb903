"""The local scheduler calls functions as Cloud Scheduler does."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import flask

from infra.local.scheduler import LocalScheduler
from infra.local.serving import HttpServer
from infra.runtime.schedules import Retry, ScheduledJob
from tests.waiting import PATIENCE_SECONDS, eventually

MONDAY = datetime(2026, 7, 6, 12, 59, 30, tzinfo=UTC)


class SettableClock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class Functions:
    """Answers every function, and remembers the calls."""

    def __init__(self, answer: Callable[[int], int] = lambda _call: 200) -> None:
        self.calls: list[tuple[str, dict[str, str], object]] = []
        self.app = flask.Flask(__name__)
        self._answer = answer
        self.app.add_url_rule("/<name>", view_func=self._called, methods=["POST"])

    def _called(self, name: str) -> tuple[str, int]:
        self.calls.append((name, dict(flask.request.headers), flask.request.get_json()))
        return "replied", self._answer(len(self.calls))

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]


def job(function: str, cron: str = "* * * * *", retries: int = 0, **body: object) -> ScheduledJob:
    return ScheduledJob(
        name=function.replace("_", "-"),
        function=function,
        schedule=cron,
        time_zone="America/New_York",
        body=body,
        attempt_deadline_seconds=2,
        retry=Retry(count=retries, min_backoff_seconds=5, max_backoff_seconds=8),
    )


def test_a_job_is_posted_with_the_headers_of_cloud_scheduler() -> None:
    functions = Functions()
    with HttpServer(functions.app) as server:
        jobs = [job("push_snapshot", "0 9 * * 1-5", date="2026-07-03")]
        scheduler = LocalScheduler(jobs, server.url, SettableClock(MONDAY))

        [run] = scheduler.run_due(MONDAY + timedelta(minutes=1))
        scheduler.close()

    [(name, headers, body)] = functions.calls
    assert (name, body) == ("push_snapshot", {"date": "2026-07-03"})
    assert headers["User-Agent"] == "Google-Cloud-Scheduler"
    assert headers["X-Cloudscheduler"] == "true"
    assert headers["X-Cloudscheduler-Jobname"] == "push-snapshot"
    assert headers["X-Cloudscheduler-Scheduletime"] == "2026-07-06T13:00:00Z"
    assert run.succeeded
    assert (run.status, run.attempts, run.answer) == (200, 1, "replied")
    assert run.scheduled_for == datetime(2026, 7, 6, 13, 0, tzinfo=UTC)


def test_a_replay_runs_each_due_job_once_in_order() -> None:
    functions = Functions()
    with HttpServer(functions.app) as server:
        jobs = [job("ingest"), job("relay_outbox"), job("push_snapshot", "0 9 * * *")]
        scheduler = LocalScheduler(jobs, server.url, SettableClock(MONDAY))

        runs = scheduler.run_due(MONDAY + timedelta(minutes=2))
        again = scheduler.run_due(MONDAY + timedelta(minutes=2))
        scheduler.close()

    minutes = ["ingest", "relay_outbox", "push_snapshot", "ingest", "relay_outbox"]
    assert functions.names == minutes
    assert [run.function for run in runs] == minutes
    assert again == []


def test_a_refused_job_is_tried_again_after_its_waits() -> None:
    functions = Functions(lambda call: 503 if call < 3 else 204)
    waits: list[float] = []
    with HttpServer(functions.app) as server:
        scheduler = LocalScheduler(
            [job("ingest", retries=3)], server.url, SettableClock(MONDAY), pause=waits.append
        )

        [run] = scheduler.run_due(MONDAY + timedelta(minutes=1))
        scheduler.close()

    assert (run.succeeded, run.attempts) == (True, 3)
    assert waits == [5, 8]


def test_a_job_that_nobody_answers_fails_without_stopping_the_next() -> None:
    with HttpServer(Functions().app) as gone:
        url = gone.url
    jobs = [job("ingest", retries=1), job("relay_outbox")]
    scheduler = LocalScheduler(jobs, url, SettableClock(MONDAY), pause=lambda _seconds: None)

    runs = scheduler.run_due(MONDAY + timedelta(minutes=1))
    scheduler.close()

    assert [(run.status, run.attempts) for run in runs] == [(None, 2), (None, 1)]
    assert runs[0].answer.startswith("ConnectError")


def test_the_thread_follows_the_given_clock() -> None:
    functions = Functions()
    clock = SettableClock(MONDAY)
    with HttpServer(functions.app) as server, LocalScheduler([job("ingest")], server.url, clock):
        clock.at = MONDAY + timedelta(seconds=29)
        assert functions.names == []
        clock.at = MONDAY + timedelta(seconds=30)

        eventually(lambda: functions.names == ["ingest"])

    assert functions.calls[0][1]["X-Cloudscheduler-Scheduletime"] == "2026-07-06T13:00:00Z"


def test_a_job_never_overlaps_itself_and_runs_once_for_what_it_missed() -> None:
    let_go = threading.Event()
    functions = Functions(lambda call: 200 if call > 1 or let_go.wait(PATIENCE_SECONDS) else 500)
    clock = SettableClock(MONDAY)
    with HttpServer(functions.app) as server, LocalScheduler([job("ingest")], server.url, clock):
        clock.at = MONDAY + timedelta(minutes=1)
        eventually(lambda: len(functions.calls) == 1)
        clock.at = MONDAY + timedelta(minutes=7)  # six more are due while the first still runs
        let_go.set()
        eventually(lambda: len(functions.calls) == 2)

    times = [headers["X-Cloudscheduler-Scheduletime"] for _, headers, _ in functions.calls]
    assert times == ["2026-07-06T13:00:00Z", "2026-07-06T13:06:00Z"]
