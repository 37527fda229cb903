"""`countersign deploy-check`: what is deployed is compared with what Terraform says."""

import sys
from typing import TextIO

import click

from infra.cli.options import AS_JSON, examples


@click.command("deploy-check", epilog=examples("terraform show -json | countersign deploy-check -"))
@click.argument("state", type=click.File(), default="-")
@AS_JSON
def deploy_check(state: TextIO, *, as_json: bool) -> None:
    """Compare a deployment with STATE, the output of `terraform show -json` (- for standard input).

    Looks at functions, subscriptions, schedules, secrets and their versions, alerts and grants, and
    changes nothing. Each line says what to do about it; exit status 1 when one fails.
    """
    from infra.cli.deploy_check.checks import compare  # noqa: PLC0415 (with all that Google needs)
    from infra.cli.deploy_check.state import State  # noqa: PLC0415
    from infra.cli.doctor.report import report  # noqa: PLC0415
    from infra.gcp.rest import GoogleRest  # noqa: PLC0415

    google = GoogleRest()
    try:
        results = list(compare(State.parse(state.read()), google))
    finally:
        google.close()
    sys.exit(report(results, as_json=as_json))
