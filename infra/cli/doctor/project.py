"""Looks at an empty project before Terraform is applied to it."""

from collections.abc import Callable, Iterator

from common.errors import TradingError
from infra.gcp.rest import GoogleRest, Json
from infra.workflows.doctor.result import CheckResult, Status

# Terraform reads the project and enables the other APIs through these.
FIRST_APIS = ("cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com")
# In which every project may build; others only when Google trusts them with quota
# (docs.cloud.google.com/build/docs/locations).
OPEN_REGIONS = frozenset(
    {
        "us-central1",
        "us-west2",
        "europe-west1",
        "asia-east1",
        "australia-southeast1",
        "southamerica-east1",
    }
)


def state(google: GoogleRest, project: str, _region: str) -> Iterator[CheckResult]:
    """Check that the project is there, and active."""
    found = google.get("cloudresourcemanager", f"v3/projects/{project}")
    if found is None or found.get("state") != "ACTIVE":
        has = "not there" if found is None else str(found.get("state", "")).lower()
        advice = "create it, or correct its id: it is not its name"
        yield CheckResult("project", "fail", f"{project} is {has}", advice)
    else:
        yield CheckResult("project", "ok", f"{project} is active")


def billing(google: GoogleRest, project: str, _region: str) -> Iterator[CheckResult]:
    """Check that somebody pays."""
    found = google.get("cloudbilling", f"v1/projects/{project}/billingInfo")
    if (found or {}).get("billingEnabled"):
        yield CheckResult("billing", "ok", "a billing account is linked")
    else:
        advice = f"`gcloud billing projects link {project} --billing-account=ACCOUNT`"
        yield CheckResult("billing", "fail", "no billing account is linked", advice)


def first_apis(google: GoogleRest, project: str, _region: str) -> Iterator[CheckResult]:
    """Check that the APIs are enabled that Terraform needs to enable the others."""
    for api in FIRST_APIS:
        found = google.get("serviceusage", f"v1/projects/{project}/services/{api}")
        if (found or {}).get("state") == "ENABLED":
            yield CheckResult("APIs", "ok", f"{api} is enabled")
        else:
            advice = f"`gcloud services enable {api} --project={project}`, and wait a minute"
            yield CheckResult("APIs", "fail", f"{api} is not enabled", advice)


def quota(google: GoogleRest, project: str, region: str) -> Iterator[CheckResult]:
    """Check that builds may run in the region, and in a pool that reaches the database."""
    if region in OPEN_REGIONS:
        yield CheckResult("region", "ok", f"every project may build in {region}")
    else:
        message = f"some projects may not build in {region}"
        advice = "if a build fails with `due to quota restrictions`, take us-central1"
        yield CheckResult("region", "warn", message, advice)
    path = f"v1beta1/projects/{project}/services/cloudbuild.googleapis.com/consumerQuotaMetrics"
    limits = [
        (metric.get("displayName", metric["metric"]), limit)
        for metric in google.list("serviceusage", path, "metrics")
        if _is_of_private_pools(metric)
        for limit in _limits(metric, region)
    ]
    for name, limit in limits:
        if limit == 0:
            advice = "ask for more (IAM & Admin, Quotas), or take another region"
            yield CheckResult("quota", "fail", f"{name} in {region}: none", advice)
        else:
            shown = "unlimited" if limit < 0 else limit
            yield CheckResult("quota", "ok", f"{name} in {region}: {shown}")
    if not limits:
        advice = "enable cloudbuild.googleapis.com first, or look under IAM & Admin, Quotas"
        yield CheckResult("quota", "warn", "the quota of private pools is not listed", advice)


def policies(google: GoogleRest, project: str, _region: str) -> Iterator[CheckResult]:
    """Check what the organisation forbids of what a deployment does."""
    domains = _policy(google, project, "iam.allowedPolicyMemberDomains")
    if domains and not any(rule.get("allowAll") for rule in domains):
        message = "the organisation restricts who may be granted anything, allUsers included"
        advice = (
            "name members of its domains in *_callers, or have"
            " constraints/iam.allowedPolicyMemberDomains relaxed for this project"
        )
        yield CheckResult("policies", "warn", message, advice)
    else:
        yield CheckResult("policies", "ok", "anybody may be granted something")
    accounts = _policy(google, project, "iam.disableServiceAccountCreation")
    if any(rule.get("enforce") for rule in accounts):
        message = "the organisation forbids to create service accounts"
        advice = "have constraints/iam.disableServiceAccountCreation relaxed for this project"
        yield CheckResult("policies", "fail", message, advice)
    else:
        yield CheckResult("policies", "ok", "service accounts may be created; keys are not needed")


_Check = Callable[[GoogleRest, str, str], Iterator[CheckResult]]
CHECKS: tuple[tuple[str, _Check, str], ...] = (
    ("project", state, "sign in as its owner: `gcloud auth application-default login`"),
    ("billing", billing, "enable cloudbilling.googleapis.com, or look at the console"),
    ("APIs", first_apis, f"`gcloud services enable {' '.join(FIRST_APIS)}`"),
    ("quota", quota, "enable serviceusage.googleapis.com first"),
    ("policies", policies, "enable orgpolicy.googleapis.com, or ask the organisation's owner"),
)


def examine_project(google: GoogleRest, project: str, region: str) -> Iterator[CheckResult]:
    """Yield what every check finds; one that cannot be made does not hide the others."""
    for name, check, advice in CHECKS:
        try:
            yield from check(google, project, region)
        except TradingError as error:
            status: Status = "fail" if name in {"project", "APIs"} else "warn"
            yield CheckResult(name, status, str(error), advice)


def _is_of_private_pools(metric: Json) -> bool:
    """Match by words: the names of Cloud Build's quotas differ between projects."""
    words = f"{metric.get('displayName', '')} {metric.get('metric', '')}".lower()
    return "private pool" in words or "private_pool" in words


def _limits(metric: Json, region: str) -> Iterator[int]:
    for limit in metric.get("consumerQuotaLimits", []):
        for bucket in limit.get("quotaBuckets", []):
            if bucket.get("dimensions", {}).get("region") == region:
                yield int(bucket.get("effectiveLimit", "0"))


def _policy(google: GoogleRest, project: str, constraint: str) -> list[Json]:
    path = f"v2/projects/{project}/policies/{constraint}:getEffectivePolicy"
    rules: list[Json] = (google.get("orgpolicy", path) or {}).get("spec", {}).get("rules", [])
    return rules
