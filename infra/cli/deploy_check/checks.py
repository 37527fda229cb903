"""Looks at a finished deployment: every kind of resource by itself, whatever the others find."""

from collections.abc import Callable, Iterator

from common.errors import TradingError
from infra.cli.deploy_check import resources
from infra.cli.deploy_check.grants import grants
from infra.cli.deploy_check.state import State
from infra.gcp.rest import GoogleRest
from infra.workflows.doctor.result import CheckResult

CHECKS: tuple[tuple[str, Callable[[State, GoogleRest], Iterator[CheckResult]]], ...] = (
    ("function", resources.functions),
    ("subscription", resources.subscriptions),
    ("schedule", resources.schedules),
    ("secret", resources.secrets),
    ("alert", resources.alerts),
    ("grant", grants),
)


def compare(state: State, google: GoogleRest) -> Iterator[CheckResult]:
    """Yield what every check finds; one that cannot be made is a failure of its own."""
    for name, check in CHECKS:
        try:
            yield from check(state, google)
        except TradingError as error:
            advice = "roles/viewer and roles/iam.securityReviewer on the project are enough"
            yield CheckResult(name, "fail", str(error), advice)
