"""What each account may do, by the plan: what its function's code uses, and nothing more."""

import re

from infra.runtime.setting_values import is_secret_name
from infra.runtime.settings import Settings
from tests.conftest import ROOT
from tests.terraform.deployment import OPERATOR, STREAM, Deployment

# What a function reaches through its wiring, and the secrets that stand behind that.
SECRETS_BEHIND = {
    "trading": {"ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY"},
    "market_data": {"ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY"},
    "dashboard": {"INTERNAL_TOKEN", "SIGNING_SECRET", "CLOUDFLARE_API_TOKEN"},
    "dashboard_clients": {"INTERNAL_TOKEN", "SIGNING_SECRET", "CLOUDFLARE_API_TOKEN"},
}
_USE = re.compile(r"\b(?:app|current\(\))\.(\w+)")
_REVEAL = re.compile(r"(?:reveal|require)\(\"(\w+)\"\)")


def _source(function: str) -> str:
    """Return the source of an entry point and of the files that belong to it."""
    files = [ROOT / f"functions/{function}.py"]
    if function == "account_api":
        files += (ROOT / "functions/account").glob("*.py")
    if function == "console":
        files += (ROOT / "functions/pages").glob("*.py")
    return "".join(file.read_text() for file in files)


def _uses(function: str) -> set[str]:
    return set(_USE.findall(_source(function)))


def test_each_function_has_an_account_of_its_own(deployment: Deployment) -> None:
    accounts = [deployment.account(function) for function in deployment.functions]

    assert len(set(accounts)) == len(accounts) == 10


def test_each_function_reads_the_secrets_that_its_code_uses(deployment: Deployment) -> None:
    used = {
        function: {name.upper() for name in _REVEAL.findall(_source(function))}.union(
            *(SECRETS_BEHIND.get(use, set()) for use in _uses(function))
        )
        for function in deployment.functions
    }
    granted: dict[str, set[str]] = {function: set() for function in deployment.functions}
    by_account = {deployment.account(function): function for function in granted}
    secrets = {
        values["id"]: name
        for name, values in deployment.each("google_secret_manager_secret").items()
    }

    for values in deployment.all("google_secret_manager_secret_iam_member"):
        assert values["role"] == "roles/secretmanager.secretAccessor"
        if values["member"] not in (OPERATOR, STREAM):
            granted[by_account[values["member"]]].add(secrets[values["secret_id"]])

    assert granted == used


def test_a_secret_is_named_in_the_environment_and_never_contained(deployment: Deployment) -> None:
    secrets = deployment.each("google_secret_manager_secret").keys()

    assert not deployment.all("google_secret_manager_secret_version")
    for function in deployment.functions:
        variables = deployment.environment(function)
        for name in secrets & variables.keys():
            assert is_secret_name(variables[name])


def test_each_function_that_announces_may_publish_on_every_topic(deployment: Deployment) -> None:
    topics = deployment.each("google_pubsub_topic").keys()
    relaying = {function for function in deployment.functions if "relay" in _uses(function)}

    assert deployment.each("google_pubsub_topic_iam_member", "publishes").keys() == {
        f"{function} {topic}" for function in relaying for topic in topics
    }


def test_each_function_that_signs_receipts_may_use_their_key_and_nobody_else_may(
    deployment: Deployment,
) -> None:
    signing = {function for function in deployment.functions if "receipt_signer" in _uses(function)}
    key = deployment.one("google_kms_crypto_key", "receipts")
    grants = deployment.all("google_kms_crypto_key_iam_member")

    assert signing == {"account_api", "console"}
    assert {values["member"] for values in grants} == {
        OPERATOR,
        *(deployment.account(function) for function in signing),
    }
    assert {(values["crypto_key_id"], values["role"]) for values in grants} == {
        (key["id"], "roles/cloudkms.signerVerifier")
    }
    for function in deployment.functions:
        named = deployment.environment(function).get("RECEIPT_KMS_KEY")
        assert (named is not None) == (function in signing)


def test_the_key_of_receipts_is_the_one_that_is_made(deployment: Deployment) -> None:
    ring = deployment.one("google_kms_key_ring", "receipts")
    key = deployment.one("google_kms_crypto_key", "receipts")

    assert (key["purpose"], key["version_template"][0]["algorithm"]) == (
        "ASYMMETRIC_SIGN",
        "EC_SIGN_P256_SHA256",
    )
    assert key["deletion_policy"] == "PREVENT"
    assert deployment.environment("account_api")["RECEIPT_KMS_KEY"] == (
        f"projects/my-countersign-project/locations/{ring['location']}/keyRings/{ring['name']}"
        f"/cryptoKeys/{key['name']}/cryptoKeyVersions/1"
    )


def test_in_the_project_a_function_may_use_the_database_and_nothing_else(
    deployment: Deployment,
) -> None:
    for function in deployment.functions:
        roles = {
            role
            for kind, role, member in deployment.grants()
            if kind == "google_project_iam_member" and member == deployment.account(function)
        }
        assert roles == {"roles/cloudsql.client", "roles/cloudsql.instanceUser"}


def test_nobody_holds_a_role_that_owns_the_project(deployment: Deployment) -> None:
    assert not {
        role for _, role, _ in deployment.grants() if role in {"roles/owner", "roles/editor"}
    }


def test_who_plans_changes_nothing_and_who_applies_is_approved(deployment: Deployment) -> None:
    verify = "serviceAccount:countersign-verify@my-countersign-project.iam.gserviceaccount.com"
    roles = {role for _, role, member in deployment.grants() if member == verify}

    assert roles == {
        "roles/iam.securityReviewer",
        "roles/logging.logWriter",
        "roles/serviceusage.serviceUsageConsumer",
        "roles/storage.objectCreator",  # on the bucket of plans
        "roles/storage.objectViewer",  # on the bucket of the state
        "roles/viewer",
    }


# What a deployment leaves at its default, and why.
LEFT_ALONE = {
    "database_url": "Cloud SQL instead",
    "broker_clock": "the simulator's, refused away from this machine",
    "snapshot_endpoint": "the dashboard's contract",
    "app_backend_url": "the local stack's, refused away from this machine",
    "firebase_keys_url": "Google's",
    "receipt_key_file": "a key of this machine; a deployment's is in Cloud KMS",
    "cloudflare_api_url": "Cloudflare's",
    "pubsub_emulator_host": "an emulator's",
    "snapshot_deadline_seconds": "goes with the schedule's deadline",
    "outbox_retention_days": "a week is enough to look back",
    "alpaca_stream_url": "the broker's",
    "market_data_retention_days": "what rules on history look at",
}


def test_every_setting_is_given_or_left_alone_for_a_reason(deployment: Deployment) -> None:
    given = {
        name.lower()
        for function in deployment.functions
        for name in deployment.environment(function)
    }

    assert Settings.model_fields.keys() - given - LEFT_ALONE.keys() == set()
    assert given & LEFT_ALONE.keys() == set()


def test_the_kpi_views_are_the_migrations_own_unless_others_are_named(
    deployment: Deployment,
) -> None:
    told = deployment.environment("push_snapshot")
    names = [name for name in Settings.model_fields if name.startswith("mv_")]

    assert len(names) == 4
    for name in names:
        assert told[name.upper()] == Settings.model_fields[name].default


def test_every_function_starts_with_its_environment(deployment: Deployment) -> None:
    for function in deployment.functions:
        settings = Settings.from_environment(deployment.environment(function))

        assert settings.cloud_sql_instance
        assert settings.db_user == deployment.account(function).removeprefix(
            "serviceAccount:"
        ).removesuffix(".gserviceaccount.com")
        assert not settings.trading_enabled
        assert not settings.broker_is_live


def test_nobody_has_a_password_for_the_database(deployment: Deployment) -> None:
    users = deployment.all("google_sql_user")

    assert len(users) == len(deployment.functions) + 3  # streams, the operator and who deploys
    for values in users:
        assert values["type"] == "CLOUD_IAM_SERVICE_ACCOUNT"
        assert not values["password"]
