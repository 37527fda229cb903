"""Checks of what the database holds: the KPI views, what was set aside, the switches, drift."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

from infra.postgres.dashboard.kpi_views import shortcomings
from infra.postgres.database import Database
from infra.postgres.trading import controls, differences
from infra.postgres.users import set_aside_configs, set_aside_rows
from infra.runtime.clock import Clock
from infra.runtime.settings import Settings
from infra.workflows.doctor.result import CheckResult, carry_out
from infra.workflows.kpis import snapshot as kpi_snapshot


class Environment(Protocol):
    """What the checks need of an environment."""

    settings: Settings

    @property
    def database(self) -> Database:
        """The database."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock that the functions go by."""
        ...


def kpi_views(environment: Environment) -> Iterator[CheckResult]:
    """Check that the views of the KPIs, whatever their names, can be refreshed and read."""
    names = kpi_snapshot.views(environment.settings)
    with environment.database.transaction() as tx:
        found = shortcomings(tx, names)
    advice = "run `countersign migrate`, or correct the MV_* settings (docs/kpis.md)"
    for line in found:
        yield CheckResult("kpi views", "fail", line, advice)
    if not found:
        yield CheckResult("kpi views", "ok", f"all {len(names.all())} are there")


def switches(environment: Environment) -> Iterator[CheckResult]:
    """Say whether somebody has halted trading."""
    with environment.database.transaction() as tx:
        against = controls.active_controls(tx, controls.EVERYBODY, environment.clock.now())
    yield from _warn_of_each(
        "kill switch",
        [f"trading is {control.state}: {control.reason}" for control in against],
        "`countersign resume --why ...` lets orders go",
        "nobody has halted trading",
    )


def positions(environment: Environment) -> Iterator[CheckResult]:
    """Name the symbols of which the broker holds other units than our users."""
    with environment.database.transaction() as tx:
        found = differences.unexplained(tx)
    yield from _warn_of_each(
        "positions",
        [f"{each.symbol}: {each.ours} with us, {each.brokers} at the broker" for each in found],
        "see `countersign positions list`",
        "no position differs from the broker's",
    )


def configs(environment: Environment) -> Iterator[CheckResult]:
    """Name the users' configs that are left out of evaluation, and why."""
    with environment.database.transaction() as tx:
        found = set_aside_configs.list_all(tx)
    messages = [
        f"config {each['config_key']} of {each['firebase_uid'] or 'nobody'}"
        f" ({each['users']} users) is set aside: {each['reason']}"
        for each in found
    ]
    advice = "its users can replace it; see GET config"
    yield from _warn_of_each("configs", messages, advice, "no config is set aside")


def rows_set_aside(environment: Environment) -> Iterator[CheckResult]:
    """Name the rows that a function left out so that the rest went on, and why."""
    with environment.database.transaction() as tx:
        found = set_aside_rows.list_all(tx)
    messages = [
        f"{each['kind']} {each['name']}"
        + (f" of {each['firebase_uid']}" if each["firebase_uid"] else "")
        + f" is set aside: {each['reason']}"
        for each in found
    ]
    advice = "see docs/operations.md, Row set aside"
    yield from _warn_of_each("rows", messages, advice, "no row is set aside")


def _warn_of_each(
    check: str, messages: Sequence[str], advice: str, otherwise: str
) -> Iterator[CheckResult]:
    """Yield a warning for each message; where there is none, that all is well."""
    for message in messages:
        yield CheckResult(check, "warn", message, advice)
    if not messages:
        yield CheckResult(check, "ok", otherwise)


Check = Callable[[Environment], Iterator[CheckResult]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("kpi views", kpi_views),
    ("configs", configs),
    ("rows", rows_set_aside),
    ("kill switch", switches),
    ("positions", positions),
)
ADVICE = "see to the database first"


def examine(environment: Environment) -> Iterator[CheckResult]:
    """Yield what each of them finds."""
    for name, check in CHECKS:
        yield from carry_out(name, partial(check, environment), ADVICE)
