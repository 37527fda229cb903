"""The worker of the broker's streams, by the plan: it runs alone, and may do what it needs."""

from typing import Any

import pytest

from infra.runtime.settings import Settings
from infra.worker.streams import CONNECTIONS
from tests.terraform.deployment import STREAM, Deployment


@pytest.fixture
def pool(deployment: Deployment) -> Any:
    return deployment.one("google_cloud_run_v2_worker_pool", "stream[0]")


@pytest.fixture
def environment(pool: Any) -> dict[str, str]:
    (container,) = pool["template"][0]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


def test_one_instance_runs_as_an_account_of_its_own(deployment: Deployment, pool: Any) -> None:
    accounts = [deployment.account(function) for function in deployment.functions]

    assert f"serviceAccount:{pool['template'][0]['service_account']}" == STREAM
    assert STREAM not in accounts
    assert pool["scaling"][0]["manual_instance_count"] == 1


def test_its_account_stores_publishes_and_reads_the_brokers_keys_and_nothing_else(
    deployment: Deployment,
) -> None:
    mine = [(kind, role) for kind, role, member in deployment.grants() if member == STREAM]
    read = deployment.each("google_secret_manager_secret_iam_member", "stream_reads")

    assert set(mine) == {
        ("google_project_iam_member", "roles/cloudsql.client"),
        ("google_project_iam_member", "roles/cloudsql.instanceUser"),
        ("google_pubsub_topic_iam_member", "roles/pubsub.publisher"),
        ("google_secret_manager_secret_iam_member", "roles/secretmanager.secretAccessor"),
    }
    topics = deployment.each("google_pubsub_topic").keys()
    assert deployment.each("google_pubsub_topic_iam_member", "stream_publishes").keys() == topics
    assert read.keys() == {"ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY"}


def test_it_starts_with_its_environment(environment: dict[str, str]) -> None:
    settings = Settings.from_environment(environment)

    assert settings.cloud_sql_instance
    assert f"serviceAccount:{settings.db_user}.gserviceaccount.com" == STREAM
    assert settings.secrets.keys() == {"alpaca_api_key_id", "alpaca_api_secret_key"}
    assert not settings.broker_is_live


def test_it_reaches_the_database_as_the_functions_do(pool: Any) -> None:
    (access,) = pool["template"][0]["vpc_access"]

    assert access["egress"] == "PRIVATE_RANGES_ONLY"
    assert access["network_interfaces"][0]["subnetwork"]


def test_its_connections_are_spoken_for_and_its_user_is_granted(deployment: Deployment) -> None:
    of_functions = sum(
        int(deployment.environment(name)["DATABASE_POOL_SIZE"])
        * values["service_config"][0]["max_instance_count"]
        for name, values in deployment.functions.items()
    )
    limit = {
        flag["name"]: int(flag["value"])
        for flag in deployment.one("google_sql_database_instance", "this")["settings"][0][
            "database_flags"
        ]
        if flag["name"] == "max_connections"
    }["max_connections"]
    (apply,) = (
        trigger
        for trigger in deployment.all("google_cloudbuild_trigger")
        if trigger["name"].endswith("-apply")
    )
    user = deployment.one("google_sql_user", "stream[0]")["name"]

    assert of_functions + 2 * CONNECTIONS + 15 <= limit
    assert user in apply["substitutions"]["_USERS"].split()
