"""`countersign doctor`: an environment, or an empty project, is looked at before it is used."""

import sys
from typing import TYPE_CHECKING

import click

from infra.cli.options import AS_JSON, examples
from infra.runtime.settings import env_vars

if TYPE_CHECKING:
    from infra.workflows.doctor.result import CheckResult


@click.command(
    epilog=examples(
        "countersign doctor",
        "countersign doctor --json",
    )
)
@AS_JSON
@click.option("--project", default="", help="Look at a project before Terraform is applied to it.")
@click.option("--region", default="us-central1", show_default=True, help="With --project.")
def doctor(*, as_json: bool, project: str, region: str) -> None:
    """Check settings, secrets, database, broker, dashboard, topics and schedules.

    With --project: billing, the first APIs, quotas and the organisation's policies instead.
    Each line says what was found and what to do about it; exit status 1 when one fails.
    """
    from infra.cli.doctor.report import report  # noqa: PLC0415

    results = _of_project(project, region) if project else _of_environment()
    sys.exit(report(results, as_json=as_json))


def _of_environment() -> "list[CheckResult]":
    from infra.cli.doctor.checks import examine  # noqa: PLC0415 (it reaches for everything)

    return list(examine(env_vars()))


def _of_project(project: str, region: str) -> "list[CheckResult]":
    from infra.cli.doctor.project import examine_project  # noqa: PLC0415
    from infra.gcp.rest import GoogleRest  # noqa: PLC0415

    google = GoogleRest()
    try:
        return list(examine_project(google, project, region))
    finally:
        google.close()
