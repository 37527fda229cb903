"""Cloud Scheduler's jobs: list, pause, resume, run now.

The client library is imported when the first call is made: it is heavy, and only operators need it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.cloud.scheduler_v1 import CloudSchedulerClient

_TIMEOUT_SECONDS = 20
ENABLED, PAUSED = "ENABLED", "PAUSED"


@dataclass(frozen=True)
class Job:
    """One job; `name` as in schedules.yaml, instants in UTC, None where there is none."""

    name: str
    schedule: str
    time_zone: str
    state: str
    next_run: datetime | None
    last_run: datetime | None
    last_error: str


class CloudScheduler:
    """The jobs of one deployment: at Google their names begin with its own."""

    def __init__(
        self,
        project: str,
        region: str,
        deployment: str,
        connect: "Callable[[], CloudSchedulerClient] | None" = None,
    ) -> None:
        """`connect` opens the client; by default Google's, with the environment's credentials."""
        self._location = f"projects/{project}/locations/{region}"
        self._prefix = f"{deployment}-"
        self._connect = connect or _google
        self._client: CloudSchedulerClient | None = None

    def jobs(self) -> list[Job]:
        """List all jobs, by name; raises PermanentError or TransientError, as every call does."""
        with self._call(f"Cloud Scheduler in {self._location}") as client:
            found = client.list_jobs(parent=self._location, retry=None, timeout=_TIMEOUT_SECONDS)
            jobs = [self._job(each) for each in found if self._is_ours(each.name)]
        return sorted(jobs, key=lambda job: job.name)

    def pause(self, name: str) -> Job:
        """Let a job run no more until `resume`; one that is paused stays so."""
        return self._change("pause_job", name)

    def resume(self, name: str) -> Job:
        """Let a job run by its schedule again."""
        return self._change("resume_job", name)

    def run(self, name: str) -> Job:
        """Run a job now, whatever its schedule says."""
        return self._change("run_job", name)

    def _change(self, method: str, name: str) -> Job:
        with self._call(f"job {self._prefix}{name} in {self._location}") as client:
            change = getattr(client, method)
            job = f"{self._location}/jobs/{self._prefix}{name}"
            return self._job(change(name=job, retry=None, timeout=_TIMEOUT_SECONDS))

    def _is_ours(self, path: str) -> bool:
        return path.rpartition("/")[2].startswith(self._prefix)

    def _job(self, job: Any) -> Job:
        return Job(
            name=job.name.rpartition("/")[2].removeprefix(self._prefix),
            schedule=job.schedule,
            time_zone=job.time_zone,
            state=job.state.name,
            next_run=_instant(job.schedule_time),
            last_run=_instant(job.last_attempt_time),
            last_error=job.status.message if job.status.code else "",
        )

    @contextmanager
    def _call(self, subject: str) -> "Iterator[CloudSchedulerClient]":
        from infra.gcp.errors import google_errors  # noqa: PLC0415 (with gRPC, heavy)

        with google_errors(
            subject,
            not_found="`countersign schedules list` shows the jobs of this deployment",
            denied="roles/cloudscheduler.admin is needed",
        ):
            if self._client is None:
                self._client = self._connect()
            yield self._client


def _google() -> "CloudSchedulerClient":
    from google.cloud.scheduler_v1 import CloudSchedulerClient  # noqa: PLC0415

    return CloudSchedulerClient()


def _instant(stamp: datetime | None) -> datetime | None:
    return datetime.fromtimestamp(stamp.timestamp(), UTC) if stamp else None
