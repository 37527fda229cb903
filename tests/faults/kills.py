"""`make kills N=…`: kill the whole local stack with SIGKILL, again and again, while it trades."""

import argparse
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.faults.killed.run import Outcome, run


def main() -> None:
    """Run, report, and leave with status 1 when an order was lost or doubled."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave nothing running
    options = _options()
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    console = Console(highlight=False)
    console.print(f"  {options.kills} kills, seed {seed}")
    with (
        tempfile.TemporaryDirectory(prefix="countersign-kills-") as folder,
        Progress(
            TextColumn("  [bold cyan]Kills[/]"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[approved]} orders approved"),
            console=console,
        ) as progress,
    ):
        task = progress.add_task("Kills", total=options.kills, approved=0)
        outcome = run(
            Path(folder),
            options.kills,
            seed,
            lambda so_far: progress.update(task, advance=1, approved=len(so_far.users.approved)),
        )
    console.print(_table(options.kills, outcome))
    for problem in outcome.verdict.problems:
        console.print(f"  [red]{problem}[/]")
    sys.exit(1 if outcome.verdict.problems else 0)


def _table(kills: int, outcome: Outcome) -> Table:
    verdict = outcome.verdict
    shown = Table(box=None, padding=(0, 2), show_header=False)
    rows = {
        "kills of the whole stack": kills,
        "of these while it was starting": outcome.kills_while_starting,
        "processes killed": outcome.processes_killed,
        "seconds until it answers again (median)": f"{outcome.median_start:.1f}",
        "requests of the users and the scheduler": outcome.users.sent,
        "approvals that were acknowledged": len(outcome.users.approved),
        **{f"orders {status}": count for status, count in sorted(verdict.statuses.items())},
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "otherwise wrong": len(verdict.wrong),
    }
    for what, count in rows.items():
        shown.add_row(what, f"[bold]{count}[/]")
    return shown


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    main()
