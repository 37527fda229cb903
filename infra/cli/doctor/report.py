"""Prints what checks found: a table for a person, JSON for a program."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from infra.workflows.doctor.result import CheckResult

_MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[bold red]FAIL[/]"}


def report(results: Sequence[CheckResult], *, as_json: bool) -> int:
    """Print the results; return the exit status, 1 when one fails."""
    ok = all(each.status != "fail" for each in results)
    if as_json:
        click.echo(json.dumps({"ok": ok, "findings": [asdict(r) for r in results]}, indent=2))
    else:
        _show(results)
    return 0 if ok else 1


def _show(results: Sequence[CheckResult]) -> None:
    from rich.console import Console  # noqa: PLC0415 (only here)
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("", "check", "found", "what to do", box=None, padding=(0, 2, 0, 0))
    for each in results:
        advice = "" if each.status == "ok" else escape(each.advice)
        table.add_row(_MARKS[each.status], each.check, escape(each.message), advice)
    Console(highlight=False).print(table)
