"""A local Cloud Scheduler: it speaks Google's published protocol, for the clients under test."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import (
    CloudSchedulerGrpcTransport,
)

from infra.gcp.scheduler import CloudScheduler
from tests.contract.gcp.google import grpc_server

SERVICE = "google.cloud.scheduler.v1.CloudScheduler"
LOCATION = "projects/p/locations/europe-west1"
NEXT = datetime(2026, 2, 10, 17, 1, tzinfo=UTC)


class Google:
    """Cloud Scheduler: its jobs, and what it does instead of turning them."""

    def __init__(self, *names: str) -> None:
        self.jobs: dict[str, scheduler_v1.Job] = {}
        self.ran: list[str] = []
        self.delay_seconds = 0.0
        self.failures: dict[str, tuple[grpc.StatusCode, str]] = {}
        for name in names:
            self.add(name)

    def add(self, name: str, **more: Any) -> None:
        given = {"state": scheduler_v1.Job.State.ENABLED, "schedule_time": NEXT} | more
        self.jobs[name] = scheduler_v1.Job(
            name=f"{LOCATION}/jobs/{name}",
            schedule="* * * * *",
            time_zone="America/New_York",
            **given,
        )

    def list(self, request: Any, context: grpc.ServicerContext) -> scheduler_v1.ListJobsResponse:
        self._fail("list", context)
        assert request.parent == LOCATION
        first, *rest = self.jobs.values()
        if request.page_token:
            return scheduler_v1.ListJobsResponse(jobs=rest)
        return scheduler_v1.ListJobsResponse(jobs=[first], next_page_token="more")

    def pause(self, request: Any, context: grpc.ServicerContext) -> scheduler_v1.Job:
        self._fail("pause", context)
        return self._turn(request.name, scheduler_v1.Job.State.PAUSED, context)

    def resume(self, request: Any, context: grpc.ServicerContext) -> scheduler_v1.Job:
        self._fail("resume", context)
        return self._turn(request.name, scheduler_v1.Job.State.ENABLED, context)

    def run(self, request: Any, context: grpc.ServicerContext) -> scheduler_v1.Job:
        self._fail("run", context)
        job = self._find(request.name, context)
        self.ran.append(job.name)
        return job

    def state(self, name: str) -> str:
        return str(self.jobs[name].state.name)

    def _turn(self, path: str, state: Any, context: grpc.ServicerContext) -> scheduler_v1.Job:
        job = self._find(path, context)
        job.state = state
        return job

    def _find(self, path: str, context: grpc.ServicerContext) -> scheduler_v1.Job:
        for job in self.jobs.values():
            if job.name == path:
                return job
        context.abort(grpc.StatusCode.NOT_FOUND, "Job not found.")
        raise AssertionError

    def _fail(self, method: str, context: grpc.ServicerContext) -> None:
        time.sleep(self.delay_seconds)
        if method in self.failures:
            context.abort(*self.failures[method])


@contextmanager
def client_of(google: Google) -> Iterator[CloudScheduler]:
    """Serve it, and yield our adapter over Google's own client."""
    job = scheduler_v1.Job
    methods = {
        "ListJobs": (
            scheduler_v1.ListJobsRequest,
            scheduler_v1.ListJobsResponse,
            google.list,
        ),
        "PauseJob": (scheduler_v1.PauseJobRequest, job, google.pause),
        "ResumeJob": (scheduler_v1.ResumeJobRequest, job, google.resume),
        "RunJob": (scheduler_v1.RunJobRequest, job, google.run),
    }
    with grpc_server(SERVICE, methods) as channel:
        transport = CloudSchedulerGrpcTransport(channel=channel)
        yield CloudScheduler(
            "p",
            "europe-west1",
            "countersign",
            lambda: scheduler_v1.CloudSchedulerClient(transport=transport),
        )
