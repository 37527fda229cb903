"""The order in which an empty project is filled: nothing is asked for before it can be had.

Over the graph that Terraform itself makes of the configuration.
"""

import pytest

from tests.terraform.deployment import Deployment

# The API behind each kind of resource; the longest prefix counts.
APIS = {
    "google_artifact_registry": "artifactregistry",
    "google_billing_budget": "billingbudgets",
    "google_cloud_run": "run",
    "google_cloud_scheduler": "cloudscheduler",
    "google_cloudbuild": "cloudbuild",
    "google_cloudfunctions2": "cloudfunctions",
    "google_compute": "compute",
    "google_kms": "cloudkms",
    "google_logging": "logging",
    "google_monitoring": "monitoring",
    "google_project_iam": "cloudresourcemanager",
    "google_project_service_identity": "serviceusage",
    "google_project_service": "serviceusage",
    "google_pubsub": "pubsub",
    "google_secret_manager": "secretmanager",
    "google_service_account": "iam",
    "google_service_networking": "servicenetworking",
    "google_sql": "sqladmin",
    "google_storage": "storage",
}
# A function is a Cloud Run service, built by Cloud Build into a registry.
BEHIND_FUNCTIONS = {"run", "cloudbuild", "artifactregistry"}
ENABLING = {"google_project_service.this", "time_sleep.apis_answer"}


def _api(block: str) -> str:
    prefix = max((p for p in APIS if block.startswith(p)), key=len)
    return f"{APIS[prefix]}.googleapis.com"


def test_the_api_of_every_resource_is_enabled(deployment: Deployment) -> None:
    enabled = {values["service"] for values in deployment.all("google_project_service")}
    needed = {_api(block) for block in deployment.blocks if block.startswith("google_")}

    assert needed | {f"{api}.googleapis.com" for api in BEHIND_FUNCTIONS} == enabled


def test_every_resource_waits_until_the_apis_answer(deployment: Deployment) -> None:
    hasty = {
        block
        for block in deployment.blocks - ENABLING
        if "time_sleep.apis_answer" not in deployment.awaits(block)
    }

    assert hasty == set()
    assert "google_project_service.this" in deployment.awaits("time_sleep.apis_answer")


def test_apis_are_given_a_minute(deployment: Deployment) -> None:
    assert deployment.one("time_sleep", "apis_answer")["create_duration"] == "60s"


def test_pubsubs_own_account_exists_before_it_is_granted_anything(deployment: Deployment) -> None:
    granted = {
        address.partition("[")[0]
        for address, values in deployment.by_address.items()
        if values.get("member") == deployment.pubsub_agent and "_iam_member." in address
    }

    assert granted == {
        "google_pubsub_topic_iam_member.agent_dead_letters",
        "google_pubsub_subscription_iam_member.agent_acknowledges",
        "google_service_account_iam_member.agent_signs",
    }
    for block in granted:
        assert "google_project_service_identity.pubsub" in deployment.awaits(block)
        assert "time_sleep.pubsub_agent_is_known" in deployment.awaits(block)


def test_no_account_of_google_is_granted_anything_unless_it_was_made(
    deployment: Deployment,
) -> None:
    made = {values["member"] for values in deployment.all("google_project_service_identity")}
    agents = {member for _, _, member in deployment.grants() if "@gcp-sa-" in member}

    assert agents <= made
    services = [v["service"] for v in deployment.all("google_project_service_identity")]
    assert len(services) == len(set(services)), "two blocks for one agent"


def test_every_alert_and_chart_waits_until_its_metrics_are_known(deployment: Deployment) -> None:
    readers = {
        block
        for block in deployment.blocks
        if block.startswith(("google_monitoring_alert_policy.", "google_monitoring_dashboard."))
    }

    assert len(readers) >= 9
    for block in readers:
        assert "time_sleep.metrics_are_known" in deployment.awaits(block), block
    known = deployment.awaits("time_sleep.metrics_are_known")
    # Monitoring's own words: a metric "could take up to 10 minutes to become available"
    # (terraform-provider-google, issue 11102).
    assert deployment.one("time_sleep", "metrics_are_known")["create_duration"] == "600s"
    assert known >= {
        "google_logging_metric.this",
        "google_cloudfunctions2_function.this",  # run.googleapis.com/…
        "google_pubsub_subscription.dead_letters",  # pubsub.googleapis.com/…
        "google_sql_database_instance.this",  # cloudsql.googleapis.com/…
    }


@pytest.mark.parametrize(
    ("block", "needed"),
    [
        ("google_sql_database_instance.this", "google_service_networking_connection.services"),
        ("google_cloudbuild_worker_pool.this", "google_service_networking_connection.services"),
        ("google_cloudfunctions2_function.this", "google_project_iam_member.function_build"),
        ("google_cloudfunctions2_function.this", "google_secret_manager_secret_iam_member.reads"),
        ("google_cloudfunctions2_function.this", "google_kms_crypto_key_iam_member.signs"),
        ("google_cloudfunctions2_function.this", "google_sql_user.function"),
        ("google_cloudfunctions2_function.this", "google_compute_subnetwork.functions"),
        (
            "google_cloud_scheduler_job.this",
            "google_cloud_run_service_iam_member.scheduler_invokes",
        ),
        ("google_pubsub_subscription.this", "google_cloud_run_service_iam_member.push_invokes"),
        ("google_pubsub_subscription.this", "google_service_account_iam_member.agent_signs"),
        ("google_pubsub_subscription.this", "google_pubsub_topic_iam_member.agent_dead_letters"),
        ("google_cloud_run_v2_worker_pool.stream", "google_project_iam_member.stream"),
        ("google_cloud_run_v2_worker_pool.stream", "google_sql_user.stream"),
        (
            "google_cloud_run_v2_worker_pool.stream",
            "google_secret_manager_secret_iam_member.stream_reads",
        ),
        ("google_cloud_run_v2_worker_pool.stream", "google_compute_subnetwork.functions"),
    ],
)
def test_what_is_needed_comes_first(deployment: Deployment, block: str, needed: str) -> None:
    assert needed in deployment.awaits(block)
