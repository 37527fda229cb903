"""What Google's APIs refuse and no schema knows: names, numbers, and rules between fields.

Sources: each API's discovery document (API, schema and field beside each assertion), where nothing
else is named.
"""

import re
from collections import Counter

import pytest

from tests.terraform.deployment import Deployment

# Kind, field, and what the whole of it must look like.
NAMES = [
    # iam v1, CreateServiceAccountRequest.accountId
    ("google_service_account", "account_id", r"[a-z][-a-z0-9]{4,28}[a-z0-9]"),
    # cloud.google.com/functions/docs/configuring: 63 characters, of a host name's label
    ("google_cloudfunctions2_function", "name", r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"),
    # run v2, projects.locations.workerPools.create, workerPoolId
    ("google_cloud_run_v2_worker_pool", "name", r"[a-z]([-a-z0-9]{0,47}[a-z0-9])?"),
    # pubsub v1, Topic.name and Subscription.name
    ("google_pubsub_topic", "name", r"(?!goog)[A-Za-z][\w.~+%-]{2,254}"),
    ("google_pubsub_subscription", "name", r"(?!goog)[A-Za-z][\w.~+%-]{2,254}"),
    # cloudscheduler v1, Job.name
    ("google_cloud_scheduler_job", "name", r"[\w-]{1,500}"),
    # secretmanager v1, projects.secrets.create, secretId
    ("google_secret_manager_secret", "secret_id", r"[\w-]{1,255}"),
    # cloudkms v1, projects.locations.keyRings.create, keyRingId; cryptoKeys.create, cryptoKeyId
    ("google_kms_key_ring", "name", r"[\w-]{1,63}"),
    ("google_kms_crypto_key", "name", r"[\w-]{1,63}"),
    # logging v2, LogMetric.name
    ("google_logging_metric", "name", r"(?!/)[\w.,+!*',()%/-]{1,100}"),
    # cloudbuild v1, BuildTrigger.name
    ("google_cloudbuild_trigger", "name", r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?"),
    ("google_cloudbuild_worker_pool", "name", r"[a-z][a-z0-9-]{0,61}[a-z0-9]"),
    # cloud.google.com/storage/docs/buckets#naming
    ("google_storage_bucket", "name", r"(?!goog)(?!.*google)[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]"),
    # compute v1, Network.name, and so on: RFC 1035
    ("google_compute_network", "name", r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"),
    ("google_compute_subnetwork", "name", r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"),
    ("google_compute_firewall", "name", r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"),
    ("google_compute_global_address", "name", r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"),
    # cloud.google.com/sql/docs/postgres/create-instance: with the project's id 98 characters
    ("google_sql_database_instance", "name", r"[a-z][a-z0-9-]{0,66}"),
    # cloud.google.com/sql/docs/postgres/users: Postgres cuts a name after 63 bytes
    ("google_sql_user", "name", r".{1,63}"),
    ("google_sql_database", "name", r"[a-z_][a-z0-9_]{0,62}"),
    # artifactregistry v1 (ids of repositories), as its console asks for
    ("google_artifact_registry_repository", "repository_id", r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"),
    # iam v1, ServiceAccount.displayName
    ("google_service_account", "display_name", r".{1,100}"),
    # cloudscheduler v1, Job.description; logging v2, LogMetric.description and LogMetric.filter
    ("google_cloud_scheduler_job", "description", r".{1,500}"),
    ("google_logging_metric", "description", r".{1,8000}"),
    ("google_logging_metric", "filter", r".{1,20000}"),
]
TEN_MINUTES, DAY = 600, 86_400
# Cloud Run and the functions framework keep these (cloud.google.com/functions/docs/configuring).
RESERVED = re.compile(
    r"PORT|K_\w+|X_GOOGLE_\w*|FUNCTION_\w+|ENTRY_POINT|GCP_PROJECT|GCLOUD_PROJECT"
    r"|CLOUD_RUN_TIMEOUT_SECONDS|SERVICE_ACCOUNT"
)


def _seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


@pytest.mark.parametrize(("kind", "field", "form"), NAMES)
def test_names_have_their_apis_form(
    deployment: Deployment, kind: str, field: str, form: str
) -> None:
    resources = deployment.all(kind)

    assert resources
    for values in resources:
        assert re.fullmatch(form, values[field]), values[field]


def test_subscriptions_keep_their_limits(deployment: Deployment) -> None:
    for values in deployment.all("google_pubsub_subscription"):
        retention = _seconds(values["message_retention_duration"])
        assert 10 <= values["ack_deadline_seconds"] <= 600  # pubsub v1, .ackDeadlineSeconds
        assert TEN_MINUTES <= retention <= 31 * DAY  # .messageRetentionDuration
        for policy in values["dead_letter_policy"]:
            assert 5 <= policy["max_delivery_attempts"] <= 100  # DeadLetterPolicy
        for policy in values["retry_policy"]:
            shortest, longest = (
                _seconds(policy[bound]) for bound in ("minimum_backoff", "maximum_backoff")
            )
            assert 0 <= shortest <= longest <= 600  # RetryPolicy
        for policy in values["expiration_policy"]:  # cloud.google.com/pubsub, properties: a day
            assert not policy["ttl"] or _seconds(policy["ttl"]) >= DAY


def test_topics_keep_their_limits(deployment: Deployment) -> None:
    for values in deployment.all("google_pubsub_topic"):
        if values["message_retention_duration"]:  # pubsub v1, Topic.messageRetentionDuration
            assert TEN_MINUTES <= _seconds(values["message_retention_duration"]) <= 31 * DAY


def test_jobs_keep_their_limits(deployment: Deployment) -> None:
    for values in deployment.all("google_cloud_scheduler_job"):
        [retry] = values["retry_config"]
        assert 15 <= _seconds(values["attempt_deadline"]) <= 1800  # Job.attemptDeadline
        assert 0 <= retry["retry_count"] <= 5  # RetryConfig.retryCount
        assert _seconds(retry["min_backoff_duration"]) <= _seconds(retry["max_backoff_duration"])


def test_functions_keep_their_limits(deployment: Deployment) -> None:
    for values in deployment.functions.values():
        [config] = values["service_config"]
        assert 1 <= config["timeout_seconds"] <= 3600  # cloud.google.com/run/quotas: an hour
        assert 0 <= config["min_instance_count"] <= config["max_instance_count"]
        assert 1 <= config["max_instance_request_concurrency"] <= 1000
        # cloud.google.com/run/docs/configuring/services/cpu: less than one CPU takes one request
        assert config["available_cpu"] == "1" or config["max_instance_request_concurrency"] == 1
        # The same page: one CPU goes with at most 4 GiB.
        assert config["available_memory"] in {"512Mi", "1Gi", "2Gi", "4Gi"}
        assert not [n for n in config["environment_variables"] if RESERVED.fullmatch(n)]
        # cloud.google.com/functions/quotas: 32 KiB together
        assert len(str(config["environment_variables"])) < 32 * 1024


def test_the_subnet_is_large_enough_for_direct_egress(deployment: Deployment) -> None:
    [subnet] = deployment.all("google_compute_subnetwork")
    prefix = int(subnet["ip_cidr_range"].partition("/")[2])
    instances = sum(
        values["service_config"][0]["max_instance_count"]
        for values in deployment.functions.values()
    )

    # cloud.google.com/run/docs/configuring/vpc-direct-vpc: /26 or larger, two addresses an
    # instance, and for a time both revisions
    assert prefix <= 26
    assert 4 * instances <= 2 ** (32 - prefix) - 4


def test_metrics_are_of_one_kind_each(deployment: Deployment) -> None:
    for values in deployment.all("google_logging_metric"):
        [descriptor] = values["metric_descriptor"]
        measured = descriptor["value_type"] == "DISTRIBUTION"
        assert bool(values["value_extractor"]) == measured  # logging v2, LogMetric.valueExtractor
        assert bool(values["bucket_options"]) == measured  # LogMetric.bucketOptions
        labels = {label["key"] for label in descriptor["labels"]}
        assert labels == set(values["label_extractors"] or {})  # LogMetric.labelExtractors


def test_the_database_keeps_its_limits(deployment: Deployment) -> None:
    [instance] = deployment.all("google_sql_database_instance")
    [settings] = instance["settings"]
    [backup] = settings["backup_configuration"]
    flags = {flag["name"]: flag["value"] for flag in settings["database_flags"]}

    assert 1 <= backup["transaction_log_retention_days"] <= 7  # sqladmin v1, BackupConfiguration
    assert 1 <= backup["backup_retention_settings"][0]["retained_backups"] <= 365
    assert re.fullmatch(r"\d\d:\d\d", backup["start_time"])
    assert 14 <= int(flags["max_connections"]) <= 262_143  # cloud.google.com/sql, flags
    assert len(flags) == len(settings["database_flags"]), "a flag is given twice"
    assert settings["edition"] == "ENTERPRISE"  # the edition of db-custom and shared-core tiers
    [network] = settings["ip_configuration"]
    assert network["ipv4_enabled"] or network["private_network"], "no way to it"


def test_builds_get_the_matching_values(deployment: Deployment) -> None:
    triggers = deployment.all("google_cloudbuild_trigger")

    assert len(triggers) == 3
    for values in triggers:
        # cloud.google.com/build/quotas: 200 substitutions, keys of 100 characters, values of 4,000
        assert len(values["substitutions"]) <= 200
        for name, value in values["substitutions"].items():
            assert re.fullmatch(r"_[A-Z0-9_]{1,99}", name)
            assert len(value) <= 4000
        # cloudbuild v1, BuildTrigger: where its steps are is said once
        assert bool(values["filename"]) != bool(values["git_file_source"])
    [pool] = deployment.all("google_cloudbuild_worker_pool")
    assert pool["worker_config"][0]["disk_size_gb"] <= 4000  # cloudbuild v1, WorkerConfig


def test_the_budget_is_in_the_accounts_currency_and_notifies_five_at_most(
    deployment: Deployment,
) -> None:
    [budget] = deployment.all("google_billing_budget")
    [amount] = budget["amount"][0]["specified_amount"]

    # billingbudgets v1, BudgetAmount.specifiedAmount: one that is given must be the account's
    assert amount["currency_code"] in (None, "placeholder"), "what the provider knows, not we"
    # NotificationsRule.monitoringNotificationChannels
    assert len(budget["all_updates_rule"][0]["monitoring_notification_channels"]) <= 5
    assert all(rule["threshold_percent"] > 0 for rule in budget["threshold_rules"])


def test_nothing_is_granted_twice(deployment: Deployment) -> None:
    """Two blocks for one grant: removing either takes it from both."""
    grants = Counter(
        (
            address.partition(".")[0],
            str(next((values[f] for f in _GRANTED_ON if values.get(f)), "")),
            values["role"],
            values["member"],
        )
        for address, values in deployment.by_address.items()
        if "_iam_member." in address
    )

    assert [grant for grant, count in grants.items() if count > 1] == []


_GRANTED_ON = (
    "topic",
    "subscription",
    "secret_id",
    "service",
    "bucket",
    "service_account_id",
    "project",
)


def test_every_api_is_enabled_once_and_stays_when_we_go(deployment: Deployment) -> None:
    services = deployment.all("google_project_service")

    assert len({values["service"] for values in services}) == len(services)
    assert not any(values["disable_on_destroy"] for values in services)


def test_secrets_stay_in_one_region_and_have_no_value(deployment: Deployment) -> None:
    for values in deployment.all("google_secret_manager_secret"):
        [replication] = values["replication"]
        assert bool(replication["auto"]) != bool(replication["user_managed"])  # Replication: one of


def test_ranges_do_not_overlap(deployment: Deployment) -> None:
    from ipaddress import ip_network  # noqa: PLC0415 (here only)

    [services] = deployment.all("google_compute_global_address")
    [subnet] = deployment.all("google_compute_subnetwork")
    peered = ip_network(f"{services['address']}/{services['prefix_length']}")

    assert not peered.overlaps(ip_network(subnet["ip_cidr_range"]))
    # cloud.google.com/sql/docs/postgres/configure-private-ip: a /24 for each kind of service
    assert peered.prefixlen <= 20
    assert peered.is_private


def test_every_kind_of_resource_is_looked_at(deployment: Deployment) -> None:
    """A new kind comes with its API's rules: name the test that holds them in this list."""
    kinds = {block.partition(".")[0] for block in deployment.blocks}

    assert kinds == {kind for kind, _, _ in NAMES} | {
        "google_billing_budget",
        "google_cloud_run_service_iam_member",  # test_invocation
        "google_kms_crypto_key_iam_member",  # test_accounts
        "google_monitoring_alert_policy",  # test_alert_rules
        "google_monitoring_dashboard",  # test_alert_rules
        "google_monitoring_notification_channel",  # test_alerts
        "google_project_iam_audit_config",  # test_first_apply
        "google_project_iam_member",  # test_accounts
        "google_project_service",
        "google_project_service_identity",  # test_first_apply
        "google_pubsub_subscription_iam_member",  # test_messages
        "google_pubsub_topic_iam_member",  # test_accounts, test_messages
        "google_secret_manager_secret_iam_member",  # test_accounts
        "google_service_account_iam_member",  # test_messages
        "google_service_networking_connection",  # test_first_apply
        "google_storage_bucket_iam_member",  # test_accounts
        "google_storage_bucket_object",  # test_archive
        "time_sleep",  # test_first_apply
    }
