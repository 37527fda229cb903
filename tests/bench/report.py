"""The figures as a table, as bench/latest.json and as plots."""

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure as Plot
from rich.console import Console
from rich.table import Table

from tests.bench.timing import Figure

FOLDER = Path(__file__).parents[2] / "bench"


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print one table; a ratio above what is promised is marked."""
    table = Table("what", "median s", "spread", "floor", "median s", "ratio", "promised", box=None)
    for figure in figures:
        shown = figure.to_json()
        mine, floor = shown["seconds"], shown["floor"]
        table.add_row(
            figure.name,
            f"{mine['median']:.4f}",  # type: ignore[index]
            f"{mine['spread']:.4f}",  # type: ignore[index]
            figure.floor_name,
            f"{floor['median']:.4f}",  # type: ignore[index]
            f"{figure.ratio:.3g}" + (" [red]above[/]" if is_above(figure) else ""),
            "" if figure.most is None else f"{figure.most:.3g}",
        )
    console.print(table)


def is_above(figure: Figure) -> bool:
    """Tell whether a figure breaks its promise."""
    return figure.most is not None and figure.ratio > figure.most


def write(figures: Sequence[Figure]) -> None:
    """Write bench/latest.json and the plots."""
    FOLDER.mkdir(exist_ok=True)
    document = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "figures": [figure.to_json() for figure in figures],
    }
    (FOLDER / "latest.json").write_text(json.dumps(document, indent=2) + "\n")
    _ratios(figures).savefig(FOLDER / "ratios.png", dpi=120)
    _scaling(figures).savefig(FOLDER / "users.png", dpi=120)


def _ratios(figures: Sequence[Figure]) -> Plot:
    """Draw each figure as a share of what is promised: below the line is kept."""
    promised = [figure for figure in figures if figure.most is not None]
    plot = Plot(figsize=(9, 0.35 * len(promised) + 1.2), layout="constrained")
    axes = plot.subplots()
    shares = [figure.ratio / figure.most for figure in promised if figure.most]
    colors = ["tab:red" if share > 1 else "tab:blue" for share in shares]
    axes.barh([figure.name for figure in promised], shares, color=colors)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("ratio to the floor, as a share of the promised ratio")
    axes.invert_yaxis()
    return plot


def _scaling(figures: Sequence[Figure]) -> Plot:
    """Draw seconds over users, with their floors."""
    plot = Plot(figsize=(8, 5), layout="constrained")
    axes = plot.subplots()
    for kind in ("ask", "quiet tick"):
        found = [each for each in figures if each.users and each.name.startswith(kind)]
        found = sorted((each for each in found if " of " not in each.name), key=_users)
        for label, values in (
            (kind, [min(each.seconds) for each in found]),
            (f"floor of {kind}", [min(each.floor) for each in found]),
        ):
            style = "--" if label.startswith("floor") else "-"
            axes.plot([_users(each) for each in found], values, style, marker="o", label=label)
    axes.set(xscale="log", yscale="log", xlabel="users", ylabel="seconds")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    return plot


def _users(figure: Figure) -> int:
    return figure.users or 0
