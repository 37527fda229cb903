"""Checks of what is ours: settings, secrets, the database and its switches."""

from collections.abc import Iterator

from standardwebhooks import Webhook

from infra.cli.doctor.environment import Patient
from infra.cli.doctor.result import Finding
from infra.postgres import controls
from infra.postgres.migrate import pending
from infra.runtime.settings import SettingsError, is_secret_name

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


def settings(patient: Patient) -> Iterator[Finding]:
    """Check that what each function needs is set, and say what the switches mean."""
    missing = 0
    for name, needed_by in _NEEDED_BY.items():
        try:
            patient.settings.require(name)
        except SettingsError as error:
            missing += 1
            yield Finding("settings", "fail", str(error), f"set it: needed by {needed_by}")
    if not missing:
        yield Finding("settings", "ok", f"all {len(_NEEDED_BY)} that the functions need are set")
    yield from _switches(patient)


def _switches(patient: Patient) -> Iterator[Finding]:
    known = patient.settings
    if not known.trading_enabled:
        said, advice = "TRADING_ENABLED is off: nobody is asked", "set it to `true` to trade"
        yield Finding("switches", "warn", said, advice)
    if known.question_pipeline_test_mode:
        said, advice = "QUESTION_PIPELINE_TEST_MODE: the simulator trades", "leave it out to trade"
        yield Finding("switches", "warn", said, advice)
    if known.alpaca_allow_unasked_live:
        said = "ALPACA_ALLOW_UNASKED_LIVE: configs may order real money without asking"
        yield Finding("switches", "warn", said, "leave it out unless that is meant")


def secrets(patient: Patient) -> Iterator[Finding]:
    """Check that each secret can be read, and is kept where secrets belong."""
    deployed = patient.settings.google_cloud_project and not patient.settings.pubsub_emulator_host
    for name, given in patient.settings.secrets.items():
        variable = name.upper()
        try:
            value = patient.secrets.reveal(name)
            if name == "answer_webhook_secret":
                Webhook(value)
        except ValueError:
            said, advice = f"{variable} is not a webhook secret", "it must be whsec_ and base64"
            yield Finding("secrets", "fail", said, advice)
            continue
        except SettingsError as error:
            yield Finding("secrets", "fail", str(error), "repair the secret, then look again")
            continue
        if is_secret_name(given):
            yield Finding("secrets", "ok", f"{variable} is readable in Secret Manager")
        elif deployed:
            advice = "keep it in Secret Manager: projects/.../secrets/.../versions/latest"
            yield Finding("secrets", "warn", f"{variable} stands in the environment", advice)
        else:
            yield Finding("secrets", "ok", f"{variable} is given as it is")


def database(patient: Patient) -> Iterator[Finding]:
    """Check that the database answers and has the current schema."""
    with patient.database.transaction() as tx:
        version = tx.rows("SHOW server_version")[0]["server_version"]
    yield Finding("database", "ok", f"reachable: Postgres {version}")
    names = pending(patient.database)
    if names:
        said = f"migrations are pending: {', '.join(names)}"
        yield Finding("database", "fail", said, "run `countersign migrate`")
    else:
        yield Finding("database", "ok", "the schema is current")


def switches(patient: Patient) -> Iterator[Finding]:
    """Say whether somebody has halted trading."""
    with patient.database.transaction() as tx:
        against = controls.against(tx, controls.EVERYBODY, patient.clock.now())
    for control in against:
        said = f"trading is {control.state}: {control.reason}"
        yield Finding("kill switch", "warn", said, "`countersign resume --why ...` lets orders go")
    if not against:
        yield Finding("kill switch", "ok", "nobody has halted trading")
