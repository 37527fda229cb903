"""The local Cloud Scheduler: calls the functions when their schedules say so."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx

from infra.runtime.clock import Clock
from infra.runtime.schedules import ScheduledJob, due
from infra.runtime.tls import tls_context

_log = logging.getLogger(__name__)
# How often the thread looks at the clock, which may run faster than the machine's.
_LOOK_SECONDS = 0.05
# A job that takes longer is left behind.
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class JobRun:
    """One run of one job. `status` is the last answer's, None when there was none."""

    name: str
    function: str
    scheduled_for: datetime
    attempts: int
    status: int | None
    answer: str

    @property
    def succeeded(self) -> bool:
        """Any 2xx."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 (2xx)


class LocalScheduler:
    """Posts each job to `{functions_url}/{function}`, one at a time.

    Inside the `with` block a thread follows `clock`; a job that fell behind runs once, not once for
    every minute that it missed. A replay leaves the thread out and calls `run_due` instead.
    """

    def __init__(
        self,
        schedules: Sequence[ScheduledJob],
        functions_url: str,
        clock: Clock,
        *,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Begin at the clock's present; `pause` waits between attempts, in seconds."""
        self._schedules = schedules
        self._clock = clock
        self._reached = clock.now()
        self._stopping = threading.Event()
        self._pause = pause or self._stopping.wait
        self._running = threading.Lock()
        self._thread = threading.Thread(target=self._follow_clock, daemon=True)
        # What is local is never behind a proxy of the environment.
        self._client = httpx.Client(verify=tls_context(), base_url=functions_url, trust_env=False)

    def run_due(self, until: datetime) -> list[JobRun]:
        """Run every job that became due since the last call, up to and including `until`."""
        with self._running:
            jobs = due(self._schedules, self._reached, until)
            self._reached = max(self._reached, until)
            return [self._run(schedule, instant) for instant, schedule in jobs]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)
        self.close()

    def _follow_clock(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            now = self._clock.now()
            if now.replace(second=0, microsecond=0) <= self._reached:
                continue  # still the same minute
            with self._running:
                jobs = due(self._schedules, self._reached, now)
                self._reached = now
                for instant, schedule in _latest_of_each(jobs):
                    if not self._stopping.is_set():
                        self._run(schedule, instant)

    def _run(self, schedule: ScheduledJob, instant: datetime) -> JobRun:
        """Post until it is accepted or the retries are used up."""
        run = self._attempt(schedule, instant, 1)
        for wait_seconds in schedule.retry.waits_seconds():
            if run.succeeded or self._stopping.is_set():
                break
            self._pause(wait_seconds)
            run = self._attempt(schedule, instant, run.attempts + 1)
        if not run.succeeded:
            _log.warning("job %s failed: %s %s", run.name, run.status, run.answer[:200])
        return run

    def _attempt(self, schedule: ScheduledJob, instant: datetime, attempt: int) -> JobRun:
        status: int | None = None
        try:
            response = self._client.post(
                f"/{schedule.function}",
                json=dict(schedule.body),
                headers=_headers(schedule, instant),
                timeout=schedule.attempt_deadline_seconds,
            )
        except httpx.HTTPError as error:
            answer = f"{type(error).__name__}: {error}"
        else:
            status, answer = response.status_code, response.text
        return JobRun(schedule.name, schedule.function, instant, attempt, status, answer)


def _headers(schedule: ScheduledJob, instant: datetime) -> dict[str, str]:
    """Return what Cloud Scheduler tells a function about its job."""
    return {
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": schedule.name,
        "X-CloudScheduler-ScheduleTime": instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _latest_of_each(
    jobs: list[tuple[datetime, ScheduledJob]],
) -> list[tuple[datetime, ScheduledJob]]:
    """Keep the last due time of each job, in the order of time."""
    last = {schedule.name: instant for instant, schedule in jobs}
    return [(instant, schedule) for instant, schedule in jobs if last[schedule.name] == instant]
