"""Compares functions, subscriptions, jobs, secrets and alerts with what Terraform made."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.cli.deploy_check.state import State, Values
from infra.gcp.rest import GoogleRest, Json
from infra.workflows.doctor.result import CheckResult

_APPLY = "somebody changed it, or an apply broke off: apply Terraform"
_ADDED_BY_GOOGLE = frozenset({"LOG_EXECUTION_ID"})


def functions(state: State, google: GoogleRest) -> Iterator[CheckResult]:
    """Compare each function's configuration, and look whether it serves."""
    for values in state.all("google_cloudfunctions2_function"):
        name, place = values["name"], f"projects/{values['project']}/locations/{values['location']}"
        found = google.get("cloudfunctions", f"v2/{place}/functions/{name}")
        if found is None:
            yield _missing("function", name)
            continue
        if found.get("state") != "ACTIVE":
            message = f"{name} is {found.get('state', 'in no state').lower()}"
            advice = "look at its build in Cloud Build's history, and apply again"
            yield CheckResult("function", "fail", message, advice)
        expected, has = values["service_config"][0], found.get("serviceConfig", {})
        yield from _compared(
            "function",
            name,
            {
                "memory": (expected["available_memory"], has.get("availableMemory")),
                "timeout": (expected["timeout_seconds"], has.get("timeoutSeconds")),
                "min instances": (expected["min_instance_count"], has.get("minInstanceCount")),
                "max instances": (expected["max_instance_count"], has.get("maxInstanceCount")),
                "concurrency": (
                    expected["max_instance_request_concurrency"],
                    has.get("maxInstanceRequestConcurrency"),
                ),
                "ingress": (expected["ingress_settings"], has.get("ingressSettings")),
                "account": (expected["service_account_email"], has.get("serviceAccountEmail")),
                "source": (
                    values["build_config"][0]["source"][0]["storage_source"][0]["object"],
                    _source(found),
                ),
                **_variables(
                    expected["environment_variables"], has.get("environmentVariables", {})
                ),
            },
        )


def subscriptions(state: State, google: GoogleRest) -> Iterator[CheckResult]:
    """Compare each subscription: how it delivers, how long, and where what fails goes."""
    for values in state.all("google_pubsub_subscription"):
        name = values["name"]
        found = google.get("pubsub", f"v1/projects/{values['project']}/subscriptions/{name}")
        if found is None:
            yield _missing("subscription", name)
            continue
        policy, has = _only(values["dead_letter_policy"]), found.get("deadLetterPolicy", {})
        endpoint = _only(values["push_config"]).get("push_endpoint")
        pushed_to = found.get("pushConfig", {}).get("pushEndpoint")
        if endpoint and not pushed_to:
            message = f"{name} pushes to nobody: its messages wait"
            advice = "if `docs/operations.md` (Halt) was followed, that is meant; else apply"
            yield CheckResult("subscription", "fail", message, advice)
            pushed_to = endpoint
        yield from _compared(
            "subscription",
            name,
            {
                "push endpoint": (endpoint, pushed_to),
                "topic": (values["topic"], found.get("topic")),
                "deadline": (values["ack_deadline_seconds"], found.get("ackDeadlineSeconds")),
                "retention": (
                    values["message_retention_duration"],
                    found.get("messageRetentionDuration"),
                ),
                "order": (values["enable_message_ordering"], found.get("enableMessageOrdering")),
                "dead letters": (policy.get("dead_letter_topic"), has.get("deadLetterTopic")),
                "attempts": (policy.get("max_delivery_attempts"), has.get("maxDeliveryAttempts")),
            },
        )


def schedules(state: State, google: GoogleRest) -> Iterator[CheckResult]:
    """Compare each job, and look whether it runs."""
    for values in state.all("google_cloud_scheduler_job"):
        name, place = values["name"], f"projects/{values['project']}/locations/{values['region']}"
        found = google.get("cloudscheduler", f"v1/{place}/jobs/{name}")
        if found is None:
            yield _missing("schedule", name)
            continue
        if found.get("state") != "ENABLED":
            message = f"{name} is {found.get('state', 'in no state').lower()}"
            advice = "`countersign schedules resume` when all is well"
            yield CheckResult("schedule", "warn", message, advice)
        yield from _compared(
            "schedule",
            name,
            {
                "schedule": (values["schedule"], found.get("schedule")),
                "time zone": (values["time_zone"], found.get("timeZone")),
                "deadline": (values["attempt_deadline"], found.get("attemptDeadline")),
                "target": (
                    values["http_target"][0]["uri"],
                    found.get("httpTarget", {}).get("uri"),
                ),
            },
        )


def secrets(state: State, google: GoogleRest) -> Iterator[CheckResult]:
    """Look whether each secret has a version that may be read; its value is not."""
    for values in state.all("google_secret_manager_secret"):
        name = values["secret_id"]
        path = f"v1/projects/{values['project']}/secrets/{name}"
        if google.get("secretmanager", path) is None:
            yield _missing("secret", name)
            continue
        versions = list(google.list("secretmanager", f"{path}/versions", "versions"))
        enabled = [each for each in versions if each.get("state") == "ENABLED"]
        if not enabled:
            message = f"{name} has no version" + (" that is enabled" if versions else "")
            advice = f"`gcloud secrets versions add {name} --data-file=-`"
            yield CheckResult("secret", "fail", message, advice)
        elif versions[0].get("state") != "ENABLED":  # the newest comes first
            message = f"the newest version of {name} is {versions[0].get('state', '').lower()}"
            advice = "functions read the newest one only: enable it, or add one"
            yield CheckResult("secret", "fail", message, advice)
        else:
            yield CheckResult("secret", "ok", f"{name} has {len(enabled)} enabled version(s)")


def alerts(state: State, google: GoogleRest) -> Iterator[CheckResult]:
    """Look whether each alert is there, enabled, valid and notifies somebody."""
    wanted = list(state.all("google_monitoring_alert_policy"))
    project = wanted[0]["project"] if wanted else ""
    listed = google.list("monitoring", f"v3/projects/{project}/alertPolicies", "alertPolicies")
    found = {each.get("displayName"): each for each in listed} if wanted else {}
    for values in wanted:
        name = values["display_name"]
        policy = found.get(name)
        if policy is None:
            yield _missing("alert", name)
            continue
        wrong = list(_of_alert(name, policy, len(values["conditions"])))
        yield from wrong or [CheckResult("alert", "ok", f"{name} is as Terraform says")]


def _of_alert(name: str, policy: Json, conditions: int) -> Iterator[CheckResult]:
    if policy.get("enabled") is False:
        yield CheckResult("alert", "fail", f"{name} is disabled", "enable it, or apply Terraform")
    if invalid := policy.get("validity", {}).get("message"):
        advice = "Monitoring does not evaluate it: look at its metric, and apply again"
        yield CheckResult("alert", "fail", f"{name} is invalid: {invalid}", advice)
    if not policy.get("notificationChannels"):
        yield CheckResult("alert", "fail", f"{name} notifies nobody", "set alert_emails, and apply")
    if len(policy.get("conditions", [])) != conditions:
        yield CheckResult("alert", "fail", f"{name} has other conditions", _APPLY)


def _missing(kind: str, name: str) -> CheckResult:
    return CheckResult(kind, "fail", f"{name} is not there", "it was deleted: apply Terraform")


def _compared(kind: str, name: str, fields: Mapping[str, tuple[Any, Any]]) -> Iterator[CheckResult]:
    """Yield a line for each field that differs, or one that none does.

    Google leaves out what is empty, false or zero.
    """
    wrong = [
        field for field, (expected, has) in fields.items() if (expected or None) != (has or None)
    ]
    for field in wrong:
        expected, has = fields[field]
        message = f"{name}: {field} is {has or 'not set'}, Terraform says {expected or 'not set'}"
        yield CheckResult(kind, "fail", message, _APPLY)
    if not wrong:
        yield CheckResult(kind, "ok", f"{name} is as Terraform says")


def _variables(expected: Mapping[str, str], has: Mapping[str, str]) -> dict[str, tuple[Any, Any]]:
    names = (expected.keys() | has.keys()) - _ADDED_BY_GOOGLE
    return {name: (expected.get(name), has.get(name)) for name in sorted(names)}


def _source(found: Json) -> str | None:
    source: Json = found.get("buildConfig", {}).get("source", {})
    stored: str | None = source.get("storageSource", {}).get("object")
    return stored


def _only(blocks: list[Values]) -> Values:
    """Return the one block that there may be, else none's values."""
    return blocks[0] if blocks else {}
