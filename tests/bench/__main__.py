"""`make bench`: speed as ratios within one run, because machines differ and are noisy.

python -m tests.bench [--most-users N]
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from infra.local.postgres import embedded_postgres
from tests.bench import report, stack
from tests.bench.asking import asking, loop
from tests.bench.drain import drain, through_the_bus
from tests.bench.snapshot import snapshot
from tests.bench.stream import stream
from tests.bench.timing import Figure
from tests.bench.year import year

_SIZES = (1_000, 10_000, 100_000, 1_000_000)
_MESSAGES = 100_000


def main() -> None:
    """Run everything once; print a table, and write figures and plots to bench/."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--most-users", type=int, default=_SIZES[-1])
    most = parser.parse_args().most_users
    console, figures = Console(), []
    for figure in _figures([size for size in _SIZES if size <= most]):
        figures.append(figure)
        console.print(f"  {figure.name}: {figure.ratio:.3g} times {figure.floor_name}")
    report.show(figures, console)
    report.write(figures)


def _figures(sizes: list[int]) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield from stack.imports()
        yield from stack.money_path(Path(folder) / "stack")
        yield from stream(Path(folder) / "stream")
        with embedded_postgres(Path(folder) / "crowds", keep=False) as server:
            yield from loop(server)
            for size in sizes:
                yield from asking(server, size)
            yield from drain(server, _MESSAGES)
            yield from through_the_bus(server, _MESSAGES // 10)
            yield from year(server)
        for what, seconds, all_of_it in snapshot(Path(folder) / "kpis"):
            name, _, floor = what.partition(" / ")
            most = 1.0 if floor == "the budget" else None
            yield Figure(name, [seconds], floor, [all_of_it], most)


if __name__ == "__main__":
    main()
