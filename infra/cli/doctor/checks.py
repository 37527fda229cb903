"""Looks at an environment before it is used: every check by itself, whatever the others find."""

from collections.abc import Iterator, Mapping

from common.errors import TradingError
from infra.cli.doctor import dashboard_checks, external_checks, internal_checks
from infra.cli.doctor.result import Check, CheckResult
from infra.clients import Clients
from infra.runtime import redaction
from infra.runtime.settings import Settings, SettingsError

# Each with what to do when the check itself cannot be made.
CHECKS: tuple[tuple[str, Check, str], ...] = (
    ("settings", internal_checks.settings, "correct the settings"),
    ("secrets", internal_checks.secrets, "see whether Secret Manager can be reached from here"),
    (
        "database",
        internal_checks.database,
        "check DATABASE_URL or CLOUD_SQL_INSTANCE, and the way there",
    ),
    ("app tables", internal_checks.tables_of_the_app, "see to the database first"),
    ("kpi views", internal_checks.kpi_views, "see to the database first"),
    ("configs", internal_checks.configs, "see to the database first"),
    ("rows", internal_checks.rows_set_aside, "see to the database first"),
    ("kill switch", internal_checks.switches, "see to the database first"),
    ("positions", internal_checks.positions, "see to the database first"),
    ("broker", external_checks.broker, "check the keys, and whether the broker can be reached"),
    (
        "market data",
        external_checks.market_data,
        "check the keys, and whether the broker can be reached",
    ),
    ("calendar", external_checks.calendar, "check the keys, and whether the broker can be reached"),
    ("dashboard", dashboard_checks.dashboard, "check HAIPHEN_API_URL, and whether it is up"),
    ("topics", external_checks.topics, "check GOOGLE_CLOUD_PROJECT and the credentials"),
    ("schedules", external_checks.schedules, "check GOOGLE_CLOUD_REGION and the credentials"),
)

# What the settings refuse together and not one by one.
_CONTRADICTING = (
    "ALPACA_TRADING_BASE_URL",
    "ALPACA_DATA_BASE_URL",
    "QUESTION_PIPELINE_TEST_MODE",
    "BROKER_CLOCK",
)


def examine(variables: Mapping[str, str]) -> Iterator[CheckResult]:
    """Yield what every check finds.

    Variables that are wrong are reported and left out, so that the rest can still be looked at.
    """
    try:
        settings = Settings.from_environment(variables)
    except SettingsError as error:
        yield CheckResult("settings", "fail", str(error), "correct it: nothing starts like this")
        wrong = error.variables or _CONTRADICTING
        rest = {name: value for name, value in variables.items() if name not in wrong}
        settings = Settings.without_database(rest)
    environment = Clients(settings)
    try:
        for name, check, advice in CHECKS:
            yield from _made(name, check, advice, environment)
    finally:
        environment.close()


def _made(name: str, check: Check, advice: str, environment: Clients) -> Iterator[CheckResult]:
    try:
        yield from check(environment)
    except TradingError as error:
        yield CheckResult(name, "fail", str(error), advice)
    except Exception as error:  # noqa: BLE001 (a check that breaks must not hide the others)
        message = f"{type(error).__name__}: {redaction.clean(str(error))}"
        yield CheckResult(name, "fail", message, advice)
