"""`make faults N=… SEED=…`: prove the invariants on many schedules, and say what happened.

A schedule is its seed: the one that failed is repeated by `make faults N=1 SEED=<its seed>`, which
also looks for the fewest steps that fail in the same way.
"""

import argparse
import secrets
import signal
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.faults.proof import workers
from tests.faults.proof.report import table
from tests.faults.proof.schedules import schedule
from tests.faults.proof.trial import Verdict

# Seeds of one run follow each other.
_SEEDS = 10**9
FAILURES = Path(".countersign") / "faults"


def main() -> None:
    """Run, report, and leave with status 1 when something did not hold."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave nothing running
    options = _options()
    first = secrets.randbelow(_SEEDS) if options.seed is None else options.seed
    console = Console(highlight=False)
    console.print(f"  {options.schedules} schedules from seed {first} on")
    seeds = range(first, first + options.schedules)
    done, verdict, failed = _run(console, seeds, until_failure=options.until_failure)
    console.print(table(done, verdict))
    if options.schedules == 1:
        for seed, path in failed.items():
            path.write_text(f"{path.read_text()}\nthe shortest: {workers.shortest(seed)}\n")
    for seed, path in sorted(failed.items()):
        console.print(f"  [bold red]failed[/] make faults N=1 SEED={seed}   {path}")
    sys.exit(1 if failed else 0)


def _run(
    console: Console, seeds: range, *, until_failure: bool
) -> tuple[int, Verdict, dict[int, Path]]:
    done, total, failed = 0, Verdict(Counter(), []), dict[int, Path]()
    with _progress(console) as progress:
        task = progress.add_task("Schedules", total=len(seeds), violations=0)
        for seed, verdict in workers.run(seeds):
            done += 1
            total.happened.update(verdict.happened)
            total.violations += verdict.violations
            if verdict.violations:
                failed[seed] = _keep(seed, verdict)
            progress.update(task, advance=1, violations=len(total.violations))
            if failed and until_failure:
                break
    return done, total, failed


def _keep(seed: int, verdict: Verdict) -> Path:
    """Write a schedule that failed down, step by step."""
    FAILURES.mkdir(parents=True, exist_ok=True)
    path = FAILURES / f"seed-{seed}.txt"
    found = "\n".join(dict.fromkeys(verdict.violations))
    path.write_text(f"make faults N=1 SEED={seed}\n\n{schedule(seed)}\n\n{found}\n")
    return path


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("  [bold cyan]{task.description}[/]"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[violations]} violations"),
        console=console,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("schedules", type=int, nargs="?", default=1000)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--until-failure", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
