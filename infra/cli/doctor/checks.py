"""Looks at an environment before it is used: every check by itself, whatever the others find."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from infra.cli.doctor import dashboard_checks, external_checks, internal_checks
from infra.clients import Clients
from infra.runtime.settings import Settings, SettingsError
from infra.workflows.doctor import database_checks
from infra.workflows.doctor.result import CheckResult, carry_out

Check = Callable[[Clients], Iterator[CheckResult]]

# Each with what to do when the check itself cannot be made.
CHECKS: tuple[tuple[str, Check, str], ...] = (
    ("settings", internal_checks.settings, "correct the settings"),
    ("secrets", internal_checks.secrets, "see whether Secret Manager can be reached from here"),
    (
        "database",
        internal_checks.database,
        "check DATABASE_URL or CLOUD_SQL_INSTANCE, and the way there",
    ),
    ("app tables", internal_checks.tables_of_the_app, database_checks.ADVICE),
    *((name, check, database_checks.ADVICE) for name, check in database_checks.CHECKS),
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
            yield from carry_out(name, partial(check, environment), advice)
    finally:
        environment.close()
