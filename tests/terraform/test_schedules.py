"""The jobs of Cloud Scheduler are those of infra/schedules.yaml, field by field."""

import base64
import json

import yaml

from tests.conftest import ROOT
from tests.terraform.deployment import Deployment

SCHEDULES = {
    job["name"]: job for job in yaml.safe_load((ROOT / "infra/schedules.yaml").read_text())
}


def test_every_schedule_is_a_job_as_it_is_written(deployment: Deployment) -> None:
    jobs = deployment.each("google_cloud_scheduler_job")

    assert jobs.keys() == SCHEDULES.keys()
    for name, job in jobs.items():
        written = SCHEDULES[name]
        target, retry = job["http_target"][0], job["retry_config"][0]
        assert job["name"] == f"countersign-{name}"
        assert job["schedule"] == written["schedule"]
        assert job["time_zone"] == written["time_zone"]
        assert job["attempt_deadline"] == f"{written['attempt_deadline_seconds']}s"
        assert json.loads(base64.b64decode(target["body"])) == written["body"]
        assert retry["retry_count"] == written["retry"]["count"]
        assert retry["min_backoff_duration"] == f"{written['retry']['min_backoff_seconds']}s"
        assert retry["max_backoff_duration"] == f"{written['retry']['max_backoff_seconds']}s"


def test_every_job_calls_its_function(deployment: Deployment) -> None:
    for name, job in deployment.each("google_cloud_scheduler_job").items():
        function = deployment.functions[SCHEDULES[name]["function"]]
        assert job["http_target"][0]["uri"] == function["service_config"][0]["uri"]
        assert job["http_target"][0]["http_method"] == "POST"


def test_no_job_runs_before_somebody_resumes_it(deployment: Deployment) -> None:
    assert all(job["paused"] for job in deployment.all("google_cloud_scheduler_job"))
