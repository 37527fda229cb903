"""An empty project is looked at before Terraform is applied to it, over Google's own REST APIs."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.cli.doctor.project import FIRST_APIS, examine_project
from infra.gcp.rest import GoogleRest
from infra.workflows.doctor.result import CheckResult
from tests.contract.gcp.google_rest import GoogleApis, serving

P = "projects/my-project"
PROJECT = ("cloudresourcemanager", f"v3/{P}")
BILLING = ("cloudbilling", f"v1/{P}/billingInfo")
QUOTAS = ("serviceusage", f"v1beta1/{P}/services/cloudbuild.googleapis.com/consumerQuotaMetrics")
DOMAINS = ("orgpolicy", f"v2/{P}/policies/iam.allowedPolicyMemberDomains:getEffectivePolicy")
ACCOUNTS = ("orgpolicy", f"v2/{P}/policies/iam.disableServiceAccountCreation:getEffectivePolicy")


def _quota(limit: str) -> dict[str, Any]:
    buckets = [
        {"effectiveLimit": "10", "dimensions": {"region": "europe-west1"}},
        {"effectiveLimit": limit, "dimensions": {"region": "us-central1"}},
    ]
    return {
        "metrics": [
            {"metric": "cloudbuild.googleapis.com/api_requests", "displayName": "API requests"},
            {
                "metric": "cloudbuild.googleapis.com/concurrent_private_pool_cpus",
                "displayName": "Concurrent Build CPUs (Private Pool)",
                "consumerQuotaLimits": [{"quotaBuckets": buckets}],
            },
        ]
    }


@pytest.fixture
def apis() -> GoogleApis:
    """A project that is ready."""
    google = GoogleApis()
    google.answers = {
        PROJECT: {"projectId": "my-project", "state": "ACTIVE"},
        BILLING: {"billingEnabled": True},
        QUOTAS: _quota("4"),
        DOMAINS: {"spec": {"rules": [{"allowAll": True}]}},
        ACCOUNTS: {"spec": {"rules": [{"enforce": False}]}},
    }
    for api in FIRST_APIS:
        google.answers["serviceusage", f"v1/{P}/services/{api}"] = {"state": "ENABLED"}
    return google


@pytest.fixture
def google(apis: GoogleApis) -> Iterator[GoogleRest]:
    with serving(apis) as client:
        yield client


def _wrong(google: GoogleRest, region: str = "us-central1") -> list[CheckResult]:
    results = examine_project(google, "my-project", region)
    return [each for each in results if each.status != "ok"]


def test_a_project_that_is_ready_has_nothing_to_do(google: GoogleRest) -> None:
    results = list(examine_project(google, "my-project", "us-central1"))

    assert [each for each in results if each.status != "ok"] == []
    assert "Concurrent Build CPUs (Private Pool) in us-central1: 4" in {r.message for r in results}


@pytest.mark.parametrize(
    ("key", "answer", "status", "message"),
    [
        (PROJECT, 404, "fail", "my-project is not there"),
        (PROJECT, 403, "fail", "cloudresourcemanager answered 403: this is 403"),
        (PROJECT, {"state": "DELETE_REQUESTED"}, "fail", "my-project is delete_requested"),
        (BILLING, {}, "fail", "no billing account is linked"),
        (BILLING, 403, "warn", "cloudbilling answered 403: this is 403"),
        (
            ("serviceusage", f"v1/{P}/services/{FIRST_APIS[0]}"),
            {"state": "DISABLED"},
            "fail",
            f"{FIRST_APIS[0]} is not enabled",
        ),
        (
            QUOTAS,
            _quota("0"),
            "fail",
            "Concurrent Build CPUs (Private Pool) in us-central1: none",
        ),
        (QUOTAS, {}, "warn", "the quota of private pools is not listed"),
        (
            DOMAINS,
            {"spec": {"rules": [{"values": {"allowedValues": ["C0abc"]}}]}},
            "warn",
            "the organisation restricts who may be granted anything, allUsers included",
        ),
        (
            ACCOUNTS,
            {"spec": {"rules": [{"enforce": True}]}},
            "fail",
            "the organisation forbids to create service accounts",
        ),
    ],
)
def test_what_would_make_an_apply_fail_is_reported(
    apis: GoogleApis, google: GoogleRest, key: Any, answer: Any, status: str, message: str
) -> None:
    apis.answers[key] = answer

    [wrong] = _wrong(google)

    assert (wrong.status, wrong.message) == (status, message)
    assert wrong.advice


def test_a_region_in_which_some_projects_may_not_build_is_reported(google: GoogleRest) -> None:
    wrong = _wrong(google, "us-east4")

    assert [each.check for each in wrong] == ["region", "quota"]
    assert "us-central1" in wrong[0].advice
