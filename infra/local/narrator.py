"""Tells a run to the person who watches it: each step as it happens, checks at the end."""

import json

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.local.report import Report
from infra.runtime.printable import printable

_WIDTH = 40


class Narrator:
    """Writes for people to the terminal; with `as_json` only the report goes to standard output."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self._console = Console(stderr=as_json, quiet=as_json, highlight=False)
        self._progress_console = Console(stderr=True)

    def step(self, title: str, what: str) -> None:
        """Say one thing that has just happened."""
        self._console.print(
            f"  [bold cyan]{title:>10}[/]  {escape(printable(what))}", soft_wrap=True
        )

    def progress(self) -> Progress:
        """Return a progress bar; steps told meanwhile appear above it."""
        return Progress(
            TextColumn("  [bold cyan]{task.description:>10}[/] "),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("minutes"),
            TimeElapsedColumn(),
            console=self._progress_console if self._as_json else self._console,
        )

    def conclude(self, report: Report) -> None:
        """Show the checks, or print the report as one JSON object."""
        if self._as_json:
            print(json.dumps(report.to_json(), indent=2))  # noqa: T201 (this is the output)
            return
        table = Table.grid(padding=(0, 2))
        for _ in range(5):
            table.add_column(no_wrap=True)
        for check in report.checks:
            mark = "[green]ok[/]" if check.ok else "[bold red]FAILED[/]"
            wanted = "" if check.ok else f"expected {_short(check.expected)}"
            table.add_row("", mark, check.name, _short(check.seen), wanted)
        self._console.print("\n  [bold]Checks[/]")
        self._console.print(table)
        verdict = "[bold green]All checks passed.[/]" if report.ok else "[bold red]Failed.[/]"
        self._console.print(f"\n  {verdict}")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
