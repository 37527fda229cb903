"""`make mutations`: take each guard away, and see the fault proof notice.

Each mutation is made in a copy of the tree of its own; the working tree is never touched. What the
proof does not notice is a guard that nothing proves.
"""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.copied_tree import copy_tree
from tests.faults.guards import MUTATIONS, Edit, Mutation

_COPIED = ("functions", "common", "infra", "tests", "docs", "pyproject.toml")


@dataclass(frozen=True)
class MutationResult:
    """How many schedules it took, which seed failed, and what was violated; or nothing was."""

    schedules: int
    seed: str = ""
    violated: str = ""


def main() -> None:
    """Try every mutation; leave with status 1 when one was not noticed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave nothing running
    options = _options()
    chosen = [each for each in MUTATIONS if re.search(options.only, each.guard)]
    console = Console(highlight=False)
    shown = Table("guard taken away", "noticed after", "seed", "violated", box=None, padding=(0, 2))
    unnoticed = 0
    for mutation in chosen:
        with console.status(f"without {mutation.guard} ..."):
            found = _try(mutation, options.schedules, options.seed)
        unnoticed += not found.seed
        after = f"{found.schedules} schedules" if found.seed else "[bold red]never[/]"
        shown.add_row(mutation.guard, after, found.seed, found.violated)
        console.print(f"  {mutation.guard}: {after} {found.violated}")
    console.print(shown)
    sys.exit(1 if unnoticed else 0)


def _try(mutation: Mutation, schedules: int, seed: int) -> MutationResult:
    """Run the proof without a guard until it fails."""
    with tempfile.TemporaryDirectory(prefix="countersign-mutation-") as folder:
        copy = Path(folder)
        copy_tree(copy, _COPIED)
        for edit in mutation.edits:
            _apply(copy, edit)
        command = ["-m", "tests.faults.run", str(schedules), "--seed", str(seed), "--until-failure"]
        run = subprocess.run(  # noqa: S603 (our own module)
            [sys.executable, *command], cwd=copy, capture_output=True, text=True, check=False
        )
        return _read(run.stdout + run.stderr)


def _read(output: str) -> MutationResult:
    """Read the report of a run."""
    schedules = re.search(r"schedules +(\d+)", output)
    failed = re.search(r"SEED=(\d+)", output)
    violated = re.findall(r"^ +(\w+_\w+) +\d+ *$", output.partition("Violations")[2], re.MULTILINE)
    if schedules is None:
        return MutationResult(0, "-", f"the run broke: {output[-300:]}")
    return MutationResult(int(schedules[1]), failed[1] if failed else "", ", ".join(violated))


def _apply(folder: Path, edit: Edit) -> None:
    text = (folder / edit.path).read_text()
    if text.count(edit.guard) != 1:
        raise SystemExit(f"{edit.path} has changed: it must hold exactly once\n{edit.guard}")
    (folder / edit.path).write_text(text.replace(edit.guard, edit.instead))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("schedules", type=int, nargs="?", default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a pattern in the guard's name")
    return parser.parse_args()


if __name__ == "__main__":
    main()
