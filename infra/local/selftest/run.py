"""Runs the self-test on a local stack of its own, and shows what came of it."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from common.market import NEW_YORK
from infra.local.app_backend import AppBackend
from infra.local.driver import RunError
from infra.local.selftest import guards, rules, silences
from infra.local.selftest.result import Result
from infra.local.stack import local_stack
from infra.runtime.settings import env_var
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock

# A Tuesday, half an hour after the open.
MORNING = datetime(2026, 2, 10, 10, 0, tzinfo=NEW_YORK)


def selftest(folder: Path, *, as_json: bool) -> bool:
    """Trip everything, show it, and return whether everything tripped."""
    if env_var("DATABASE_URL"):
        raise RunError("the self-test wants a database of its own: unset DATABASE_URL")
    # That a delivery is not accepted, and comes again, is part of the test.
    logging.getLogger("infra.local.pubsub.server").setLevel(logging.ERROR)
    results = show_json(run(folder)) if as_json else show(run(folder))
    return all(result.ok for result in results)


def run(folder: Path) -> Iterator[Result]:
    """Trip every rule type and every guardrail, and see who is asked nothing, for real."""
    with (
        SimulatedBroker(SimulatedClock(MORNING)) as simulator,
        local_stack(folder, simulator, AppBackend(), [], keep=False) as stack,
    ):
        yield from rules.fire_all(stack)
        first_number = len(rules.SCENARIOS)
        # The guardrails come last: the day is over then.
        yield from silences.listen_all(stack, first_number)
        yield from guards.trip_all(stack, first_number + len(silences.SILENCES))


def show(results: Iterator[Result]) -> list[Result]:
    """Draw a table that grows as results come in."""
    console, table, collected = Console(highlight=False), _table(), list[Result]()
    with Live(table, console=console, vertical_overflow="visible", auto_refresh=False) as live:
        for result in results:
            collected.append(result)
            mark = "[green]ok[/]" if result.ok else "[bold red]FAILED[/]"
            table.add_row(mark, result.tried, result.expected, result.seen)
            live.refresh()
    failed = sum(not result.ok for result in collected)
    verdict = f"[bold red]{failed} failed.[/]" if failed else "[bold green]Everything tripped.[/]"
    console.print(f"\n  {verdict}")
    return collected


def show_json(results: Iterator[Result]) -> list[Result]:
    """Print one JSON object at the end."""
    collected = list(results)
    report = {
        "results": [result.to_json() for result in collected],
        "ok": all(result.ok for result in collected),
    }
    print(json.dumps(report, indent=2))  # noqa: T201 (this is the output)
    return collected


def _table() -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("", "Tried", "Expected", "Seen"):
        table.add_column(column)
    return table
