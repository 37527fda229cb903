"""A finished deployment is compared with what Terraform says, over Google's own REST APIs."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.errors import PermanentError
from infra.cli.deploy_check.checks import compare
from infra.cli.deploy_check.state import State
from infra.gcp.rest import GoogleRest
from infra.workflows.doctor.result import CheckResult
from tests.contract.gcp.google_rest import GoogleApis, Json, serving

P = "projects/my-project"
L = f"{P}/locations/us-central1"
FUNCTION = ("cloudfunctions", f"v2/{L}/functions/countersign-answer")
SUBSCRIPTION = ("pubsub", f"v1/{P}/subscriptions/countersign-evaluate")
JOB = ("cloudscheduler", f"v1/{L}/jobs/countersign-ingest")
SECRET = ("secretmanager", f"v1/{P}/secrets/countersign-signing-secret")
VERSIONS = (SECRET[0], SECRET[1] + "/versions")
ALERTS = ("monitoring", f"v3/{P}/alertPolicies")
INVOKERS = ("run", f"v2/{L}/services/countersign-answer:getIamPolicy")
PROJECT = ("cloudresourcemanager", f"v3/{P}:getIamPolicy")
SIGNERS = ("iam", f"v1/{P}/serviceAccounts/push@my-project.iam:getIamPolicy")
RECEIPT_KEY = f"{L}/keyRings/countersign/cryptoKeys/receipts"
RECEIPT_SIGNERS = ("cloudkms", f"v1/{RECEIPT_KEY}:getIamPolicy")
BUCKET = ("storage", "storage/v1/b/plans/iam")
SIGNS = "roles/iam.serviceAccountTokenCreator"
BACKEND, AGENT = "serviceAccount:backend@app.iam", "serviceAccount:agent@google.iam"

# As `terraform show -json` prints it: what the comparison reads of it.
STATE: list[tuple[str, Json]] = [
    (
        "google_cloudfunctions2_function",
        {
            "name": "countersign-answer",
            "project": "my-project",
            "location": "us-central1",
            "build_config": [{"source": [{"storage_source": [{"object": "source-1.zip"}]}]}],
            "service_config": [
                {
                    "available_memory": "512Mi",
                    "timeout_seconds": 30,
                    "min_instance_count": 1,
                    "max_instance_count": 4,
                    "max_instance_request_concurrency": 8,
                    "ingress_settings": "ALLOW_ALL",
                    "service_account_email": "answer@my-project.iam",
                    "environment_variables": {"TRADING_ENABLED": "false"},
                }
            ],
        },
    ),
    (
        "google_pubsub_subscription",
        {
            "name": "countersign-evaluate",
            "project": "my-project",
            "topic": f"{P}/topics/snapshots-ingested",
            "ack_deadline_seconds": 70,
            "message_retention_duration": "600s",
            "enable_message_ordering": False,
            "push_config": [{"push_endpoint": "https://evaluate.a.run.app"}],
            "dead_letter_policy": [
                {"dead_letter_topic": f"{P}/topics/dead", "max_delivery_attempts": 5}
            ],
        },
    ),
    (
        "google_cloud_scheduler_job",
        {
            "name": "countersign-ingest",
            "project": "my-project",
            "region": "us-central1",
            "schedule": "* * * * *",
            "time_zone": "Etc/UTC",
            "attempt_deadline": "55s",
            "http_target": [{"uri": "https://ingest.a.run.app"}],
        },
    ),
    (
        "google_secret_manager_secret",
        {"secret_id": "countersign-signing-secret", "project": "my-project"},
    ),
    (
        "google_monitoring_alert_policy",
        {"display_name": "Tick missing", "project": "my-project", "conditions": [{}]},
    ),
    (
        "google_cloud_run_service_iam_member",
        {
            "project": "my-project",
            "location": "us-central1",
            "service": "countersign-answer",
            "role": "roles/run.invoker",
            "member": BACKEND,
        },
    ),
    (
        "google_project_iam_member",
        {"project": "my-project", "role": "roles/cloudsql.client", "member": BACKEND},
    ),
    (
        "google_pubsub_topic_iam_member",
        {
            "project": "my-project",
            "topic": "dead",
            "role": "roles/pubsub.publisher",
            "member": AGENT,
        },
    ),
    (
        "google_service_account_iam_member",
        {
            "service_account_id": f"{P}/serviceAccounts/push@my-project.iam",
            "role": SIGNS,
            "member": AGENT,
        },
    ),
    (
        "google_kms_crypto_key_iam_member",
        {
            "crypto_key_id": RECEIPT_KEY,
            "role": "roles/cloudkms.signerVerifier",
            "member": BACKEND,
        },
    ),
    (
        "google_storage_bucket_iam_member",
        {"bucket": "b/plans", "role": "roles/storage.objectCreator", "member": BACKEND},
    ),
]


def _policy(role: str, *members: str) -> Json:
    return {"bindings": [{"role": role, "members": list(members)}]}


@pytest.fixture
def apis() -> GoogleApis:
    """Google, as everything should be."""
    google = GoogleApis()
    google.answers = {
        FUNCTION: {
            "state": "ACTIVE",
            "buildConfig": {"source": {"storageSource": {"object": "source-1.zip"}}},
            "serviceConfig": {
                "availableMemory": "512Mi",
                "timeoutSeconds": 30,
                "minInstanceCount": 1,
                "maxInstanceCount": 4,
                "maxInstanceRequestConcurrency": 8,
                "ingressSettings": "ALLOW_ALL",
                "serviceAccountEmail": "answer@my-project.iam",
                "environmentVariables": {"TRADING_ENABLED": "false", "LOG_EXECUTION_ID": "true"},
            },
        },
        SUBSCRIPTION: {
            "topic": f"{P}/topics/snapshots-ingested",
            "ackDeadlineSeconds": 70,
            "messageRetentionDuration": "600s",
            "pushConfig": {"pushEndpoint": "https://evaluate.a.run.app"},
            "deadLetterPolicy": {"deadLetterTopic": f"{P}/topics/dead", "maxDeliveryAttempts": 5},
        },
        JOB: {
            "state": "ENABLED",
            "schedule": "* * * * *",
            "timeZone": "Etc/UTC",
            "attemptDeadline": "55s",
            "httpTarget": {"uri": "https://ingest.a.run.app"},
        },
        SECRET: {"name": "projects/1/secrets/countersign-signing-secret"},
        VERSIONS: [
            {"versions": [{"state": "ENABLED"}], "nextPageToken": "1"},
            {"versions": [{"state": "DISABLED"}]},
        ],
        ALERTS: {
            "alertPolicies": [
                {
                    "displayName": "Tick missing",
                    "enabled": True,
                    "notificationChannels": [f"{P}/notificationChannels/1"],
                    "conditions": [{"displayName": "silent"}],
                }
            ]
        },
        INVOKERS: _policy("roles/run.invoker", BACKEND),
        PROJECT: _policy("roles/cloudsql.client", BACKEND, "user:owner@example.com"),
        ("pubsub", f"v1/{P}/topics/dead:getIamPolicy"): _policy("roles/pubsub.publisher", AGENT),
        SIGNERS: _policy(SIGNS, AGENT),
        RECEIPT_SIGNERS: _policy("roles/cloudkms.signerVerifier", BACKEND),
        BUCKET: _policy("roles/storage.objectCreator", BACKEND),
    }
    return google


@pytest.fixture
def google(apis: GoogleApis) -> Iterator[GoogleRest]:
    with serving(apis) as client:
        yield client


def _wrong(google: GoogleRest) -> list[CheckResult]:
    return [each for each in compare(State(tuple(STATE)), google) if each.status != "ok"]


def test_a_deployment_that_is_as_terraform_says_has_nothing_to_do(google: GoogleRest) -> None:
    results = list(compare(State(tuple(STATE)), google))

    assert [each for each in results if each.status != "ok"] == []
    assert [each.check for each in results] == [
        *("function", "subscription", "schedule", "secret", "alert", "grant")
    ]
    assert results[-1].message == "all 6 grants of Terraform are there"


def _put(key: tuple[str, str], *path: str | int, value: Any) -> Callable[[GoogleApis], None]:
    def change(apis: GoogleApis) -> None:
        where: Any = apis.answers
        for step in (key, *path[:-1]):
            where = where[step]
        where[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (_put(FUNCTION, "state", value="FAILED"), "countersign-answer is failed"),
        (
            _put(FUNCTION, "serviceConfig", "minInstanceCount", value=0),
            "countersign-answer: min instances is not set, Terraform says 1",
        ),
        (
            _put(FUNCTION, "serviceConfig", "environmentVariables", "TRADING_ENABLED", value="yes"),
            "countersign-answer: TRADING_ENABLED is yes, Terraform says false",
        ),
        (
            _put(FUNCTION, "serviceConfig", "environmentVariables", "DEBUG", value="1"),
            "countersign-answer: DEBUG is 1, Terraform says not set",
        ),
        (
            _put(FUNCTION, "buildConfig", "source", "storageSource", "object", value="old.zip"),
            "countersign-answer: source is old.zip, Terraform says source-1.zip",
        ),
        (
            _put(SUBSCRIPTION, "pushConfig", value={}),
            "countersign-evaluate pushes to nobody: its messages wait",
        ),
        (
            _put(SUBSCRIPTION, "ackDeadlineSeconds", value=10),
            "countersign-evaluate: deadline is 10, Terraform says 70",
        ),
        (
            _put(SUBSCRIPTION, "deadLetterPolicy", value={}),
            "countersign-evaluate: attempts is not set, Terraform says 5",
        ),
        (_put(JOB, "state", value="PAUSED"), "countersign-ingest is paused"),
        (
            _put(JOB, "timeZone", value="UTC"),
            "countersign-ingest: time zone is UTC, Terraform says Etc/UTC",
        ),
        (
            lambda apis: apis.answers.update({VERSIONS: {}}),
            "countersign-signing-secret has no version",
        ),
        (
            _put(VERSIONS, 0, "versions", 0, "state", value="DESTROYED"),
            "countersign-signing-secret has no version that is enabled",
        ),
        (_put(ALERTS, "alertPolicies", 0, "enabled", value=False), "Tick missing is disabled"),
        (_put(ALERTS, "alertPolicies", value=[]), "Tick missing is not there"),
        (
            _put(ALERTS, "alertPolicies", 0, "notificationChannels", value=[]),
            "Tick missing notifies nobody",
        ),
        (
            _put(ALERTS, "alertPolicies", 0, "validity", value={"code": 5, "message": "no metric"}),
            "Tick missing is invalid: no metric",
        ),
        (
            _put(INVOKERS, "bindings", 0, "members", value=[BACKEND, "allUsers"]),
            f"allUsers may call {L}/services/countersign-answer, which Terraform did not grant",
        ),
        (
            _put(SIGNERS, "bindings", value=[]),
            f"{AGENT} does not have {SIGNS} on {P}/serviceAccounts/push@my-project.iam",
        ),
        (
            _put(PROJECT, "bindings", value=[]),
            f"{BACKEND} does not have roles/cloudsql.client on {P}",
        ),
    ],
)
def test_what_differs_is_a_line_that_says_what_to_do(
    apis: GoogleApis, google: GoogleRest, change: Callable[[GoogleApis], None], line: str
) -> None:
    change(apis)

    wrong = _wrong(google)

    assert line in [each.message for each in wrong]
    assert all(each.advice for each in wrong)


def test_the_newest_version_of_a_secret_must_be_enabled(
    apis: GoogleApis, google: GoogleRest
) -> None:
    apis.answers[VERSIONS] = {"versions": [{"state": "DISABLED"}, {"state": "ENABLED"}]}

    [wrong] = _wrong(google)

    assert wrong.message == "the newest version of countersign-signing-secret is disabled"


@pytest.mark.parametrize("key", [FUNCTION, SUBSCRIPTION, JOB, SECRET])
def test_what_was_deleted_is_reported(
    apis: GoogleApis, google: GoogleRest, key: tuple[str, str]
) -> None:
    del apis.answers[key]

    [wrong] = _wrong(google)

    assert wrong.message.endswith("is not there")
    assert wrong.advice


@pytest.mark.parametrize("status", [403, 503])
def test_what_cannot_be_read_does_not_hide_the_rest(
    apis: GoogleApis, google: GoogleRest, status: int
) -> None:
    apis.answers[FUNCTION] = status

    results = list(compare(State(tuple(STATE)), google))

    assert [each.status for each in results] == ["fail", "ok", "ok", "ok", "ok", "ok"]
    assert results[0].message == f"cloudfunctions answered {status}: this is {status}"


def test_the_state_is_read_as_terraform_prints_it() -> None:
    resources = [
        {"mode": "managed", "type": kind, "address": kind, "values": values}
        for kind, values in STATE
    ]
    resources.append({"mode": "data", "type": "google_project", "address": "x", "values": {}})
    shown = json.dumps(
        {"format_version": "1.0", "values": {"root_module": {"resources": resources}}}
    )

    assert State.parse(shown) == State(tuple(STATE))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"values": {}}', '{"format_version": "1.0"}'])
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(PermanentError, match="terraform show -json"):
        State.parse(text)
