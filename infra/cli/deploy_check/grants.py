"""Compares who may do what with what Terraform granted, and finds who may call without a grant."""

from collections.abc import Callable, Iterator

from infra.cli.deploy_check.state import State, Values
from infra.gcp.rest import GoogleRest, Json
from infra.workflows.doctor.result import CheckResult, Status

# Where a kind of grant is kept: the service, the resource's path, and whether it is asked by POST.
_POLICIES: dict[str, tuple[str, Callable[[Values], str], bool]] = {
    "google_project_iam_member": (
        "cloudresourcemanager",
        lambda v: f"v3/projects/{v['project']}:getIamPolicy",
        True,
    ),
    "google_cloud_run_service_iam_member": (
        "run",
        lambda v: (
            f"v2/projects/{v['project']}/locations/{v['location']}"
            f"/services/{v['service']}:getIamPolicy"
        ),
        False,
    ),
    "google_pubsub_topic_iam_member": (
        "pubsub",
        lambda v: f"v1/{_full(v, 'topics', v['topic'])}:getIamPolicy",
        False,
    ),
    "google_pubsub_subscription_iam_member": (
        "pubsub",
        lambda v: f"v1/{_full(v, 'subscriptions', v['subscription'])}:getIamPolicy",
        False,
    ),
    "google_secret_manager_secret_iam_member": (
        "secretmanager",
        lambda v: f"v1/{_full(v, 'secrets', v['secret_id'])}:getIamPolicy",
        False,
    ),
    "google_kms_crypto_key_iam_member": (
        "cloudkms",
        lambda v: f"v1/{v['crypto_key_id']}:getIamPolicy",
        False,
    ),
    "google_service_account_iam_member": (
        "iam",
        lambda v: f"v1/{v['service_account_id']}:getIamPolicy",
        True,
    ),
    "google_storage_bucket_iam_member": (
        "storage",
        lambda v: f"storage/v1/b/{v['bucket'].removeprefix('b/')}/iam",
        False,
    ),
}
_EVERYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})
_INVOKER = "roles/run.invoker"


def grants(state: State, google: GoogleRest) -> Iterator[CheckResult]:
    """Look for each grant of Terraform's, and for callers that it does not know."""
    wanted: dict[tuple[str, str, bool], set[tuple[str, str]]] = {}
    for kind, values in state.granting():
        service, path_of, posted = _POLICIES[kind]
        place = (service, path_of(values), posted)
        wanted.setdefault(place, set()).add((values["role"], values["member"]))
    missing = 0
    for (service, path, posted), expected in wanted.items():
        policy = google.post(service, path, {}) if posted else google.get(service, path)
        has = _granted(policy or {})
        where = path.partition("/")[2].removesuffix(":getIamPolicy")
        for role, member in sorted(expected - has):
            missing += 1
            message = f"{member} does not have {role} on {where}"
            yield CheckResult("grant", "fail", message, "somebody took it: apply Terraform")
        for role, member in sorted(has - expected):
            if role == _INVOKER and service == "run":
                status: Status = "fail" if member in _EVERYBODY else "warn"
                message = f"{member} may call {where}, which Terraform did not grant"
                advice = "remove the binding, or name the caller in *_callers"
                yield CheckResult("grant", status, message, advice)
    if not missing:
        count = sum(len(expected) for expected in wanted.values())
        yield CheckResult("grant", "ok", f"all {count} grants of Terraform are there")


def _granted(policy: Json) -> set[tuple[str, str]]:
    return {
        (binding["role"], member)
        for binding in policy.get("bindings", [])
        for member in binding.get("members", [])
    }


def _full(values: Values, collection: str, name: str) -> str:
    """Return a resource's full name: Terraform keeps it short or full."""
    if name.startswith("projects/"):
        return name
    return f"projects/{values['project']}/{collection}/{name}"
