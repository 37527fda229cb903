"""The database, by the plan: private, encrypted, backed up, and never short of connections."""

import inspect

from infra.gcp.cloud_sql import CloudSql
from tests.terraform.deployment import Deployment


def test_the_database_has_no_public_address_and_takes_no_connection_in_the_clear(
    deployment: Deployment,
) -> None:
    settings = deployment.one("google_sql_database_instance", "this")["settings"][0]
    network = settings["ip_configuration"][0]

    assert network["ipv4_enabled"] is False
    assert network["private_network"]
    assert network["ssl_mode"] == "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    assert not network["authorized_networks"]
    assert settings["connector_enforcement"] == "REQUIRED"


def test_the_database_can_be_brought_back(deployment: Deployment) -> None:
    instance = deployment.one("google_sql_database_instance", "this")
    backup = instance["settings"][0]["backup_configuration"][0]

    assert backup["enabled"]
    assert backup["point_in_time_recovery_enabled"]
    assert backup["transaction_log_retention_days"] == 7
    assert backup["backup_retention_settings"][0]["retained_backups"] == 30
    assert instance["deletion_protection"]
    assert instance["settings"][0]["deletion_protection_enabled"]
    assert instance["settings"][0]["availability_type"] == "REGIONAL"


def test_users_are_known_by_their_google_identity(deployment: Deployment) -> None:
    flags = deployment.one("google_sql_database_instance", "this")["settings"][0]["database_flags"]

    assert {"name": "cloudsql.iam_authentication", "value": "on"} in flags


def test_all_functions_together_leave_connections_for_others(deployment: Deployment) -> None:
    flags = deployment.one("google_sql_database_instance", "this")["settings"][0]["database_flags"]
    [allowed] = [int(flag["value"]) for flag in flags if flag["name"] == "max_connections"]
    opened = sum(
        values["service_config"][0]["max_instance_count"]
        * int(deployment.environment(function)["DATABASE_POOL_SIZE"])
        for function, values in deployment.functions.items()
    )

    assert opened + 15 <= allowed


def test_every_function_reaches_the_private_address(deployment: Deployment) -> None:
    subnet = deployment.one("google_compute_subnetwork", "functions")["id"]

    for values in deployment.functions.values():
        service = values["service_config"][0]
        assert service["direct_vpc_network_interface"][0]["subnetwork"] == subnet
        assert service["direct_vpc_egress"] == "VPC_EGRESS_PRIVATE_RANGES_ONLY"


def test_a_function_waits_no_longer_for_the_database_than_it_may_run(
    deployment: Deployment,
) -> None:
    """A new instance may reach nothing for a minute: its caller gets a 503, not a broken call."""
    waits = inspect.signature(CloudSql).parameters["timeout_seconds"].default

    for function, values in deployment.functions.items():
        assert 2 * waits < values["service_config"][0]["timeout_seconds"], function


def test_an_instance_waits_for_answers(deployment: Deployment) -> None:
    warm = {
        function: values["service_config"][0]["min_instance_count"]
        for function, values in deployment.functions.items()
    }

    assert warm.pop("answer") == 1
    assert set(warm.values()) == {0}
