"""Checks of what is ours: settings, secrets, the database and its tables."""

from collections.abc import Iterator

from infra.clients import Clients
from infra.postgres import app_tables
from infra.postgres.migrate import pending, too_old
from infra.runtime.setting_values import is_secret_name
from infra.runtime.settings import SettingsError
from infra.workflows.doctor.result import CheckResult

# Who is at a loss without it.
_NEEDED_BY = {
    "alpaca_api_key_id": "everything that asks the broker",
    "alpaca_api_secret_key": "everything that asks the broker",
    "answer_webhook_secret": "`answer`: every answer would be refused",
    "haiphen_api_url": "`push_snapshot`",
    "internal_token": "`push_snapshot`",
    "signing_secret": "`push_snapshot`",
    "firebase_project_id": "`account_api`: every user would be refused",
    "google_cloud_project": "publishing: nothing would be evaluated or submitted",
}


def settings(environment: Clients) -> Iterator[CheckResult]:
    """Check that what each function needs is set, and say what the switches mean."""
    missing = 0
    for name, needed_by in _NEEDED_BY.items():
        try:
            environment.settings.require(name)
        except SettingsError as error:
            missing += 1
            yield CheckResult("settings", "fail", str(error), f"set it: needed by {needed_by}")
    if not missing:
        yield CheckResult(
            "settings", "ok", f"all {len(_NEEDED_BY)} that the functions need are set"
        )
    yield from _switches(environment)


def _switches(environment: Clients) -> Iterator[CheckResult]:
    known = environment.settings
    if not known.trading_enabled:
        message, advice = "TRADING_ENABLED is off: nobody is asked", "set it to `true` to trade"
        yield CheckResult("switches", "warn", message, advice)
    if known.question_pipeline_test_mode:
        message, advice = (
            "QUESTION_PIPELINE_TEST_MODE: no broker, every order is fake",
            "leave it out to trade",
        )
        yield CheckResult("switches", "warn", message, advice)
    if known.alpaca_allow_unasked_live:
        message = "ALPACA_ALLOW_UNASKED_LIVE: configs may order real money without asking"
        yield CheckResult("switches", "warn", message, "leave it out unless that is meant")


def secrets(environment: Clients) -> Iterator[CheckResult]:
    """Check that each secret can be read, and is kept where secrets belong."""
    deployed = (
        environment.settings.google_cloud_project and not environment.settings.pubsub_emulator_host
    )
    for name, given in environment.settings.secrets.items():
        variable = name.upper()
        try:
            environment.secrets.reveal(name)
        except SettingsError as error:
            yield CheckResult("secrets", "fail", str(error), "repair the secret, then look again")
            continue
        if is_secret_name(given):
            yield CheckResult("secrets", "ok", f"{variable} is readable in Secret Manager")
        elif deployed:
            advice = "keep it in Secret Manager: projects/.../secrets/.../versions/latest"
            yield CheckResult("secrets", "warn", f"{variable} stands in the environment", advice)
        else:
            yield CheckResult("secrets", "ok", f"{variable} is given as it is")


def database(environment: Clients) -> Iterator[CheckResult]:
    """Check that the database answers and has the current schema."""
    with environment.database.transaction() as tx:
        version = tx.rows("SHOW server_version")[0]["server_version"]
        problem = too_old(tx)
    yield CheckResult("database", "ok", f"reachable: Postgres {version}")
    if problem:
        yield CheckResult("database", "fail", problem, "upgrade the server, then migrate")
    names = pending(environment.database)
    if names:
        message = f"migrations are pending: {', '.join(names)}"
        yield CheckResult("database", "fail", message, "run `countersign migrate`")
    else:
        yield CheckResult("database", "ok", "the schema is current")


def tables_of_the_app(environment: Clients) -> Iterator[CheckResult]:
    """Check that the app's own tables can hold what is written to them."""
    is_migrated = not pending(environment.database)
    with environment.database.transaction() as tx:
        found = app_tables.problems(tx)
        rehearse = app_tables.trial if is_migrated else app_tables.rehearsal
        if not found and (refusal := rehearse(tx)):
            found = [refusal]
    for line in found:
        yield CheckResult("app tables", "fail", line, "see docs/app-tables.md")
    if not found:
        yield CheckResult("app tables", "ok", "users and questions hold what is written to them")
