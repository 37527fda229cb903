"""`countersign doctor`: an environment is looked at before it is used."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from infra.runtime.settings import env_vars

if TYPE_CHECKING:
    from infra.cli.doctor.result import CheckResult

_MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[bold red]FAIL[/]"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
def doctor(*, as_json: bool) -> None:
    """Check settings, secrets, database, broker, dashboard, topics and schedules.

    Each line says what was found and what to do about it; exit status 1 when one fails.
    """
    from infra.cli.doctor.checks import examine  # noqa: PLC0415 (it reaches for everything)

    findings = list(examine(env_vars()))
    ok = all(finding.status != "fail" for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": ok, "findings": [asdict(f) for f in findings]}, indent=2))
    else:
        _show(findings)
    sys.exit(0 if ok else 1)


def _show(findings: "Sequence[CheckResult]") -> None:
    from rich.console import Console  # noqa: PLC0415 (only here)
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("", "check", "found", "what to do", box=None, padding=(0, 2, 0, 0))
    for each in findings:
        advice = "" if each.status == "ok" else escape(each.advice)
        table.add_row(_MARKS[each.status], each.check, escape(each.message), advice)
    Console(highlight=False).print(table)
