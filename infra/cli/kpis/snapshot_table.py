"""A snapshot as a person reads it: one line per KPI, and what is missing."""

from rich.console import Console
from rich.table import Table

from common.snapshot.catalog import CATALOG, EXTREMES
from infra.workflows.kpis.snapshot import Built


def print_snapshot(built: Built) -> None:
    """Print headline, figures with the size of their series and lists, and what is missing."""
    console = Console(highlight=False)
    snapshot, counts = built.snapshot, built.counts()
    console.print(f"[bold]{snapshot.headline}[/]\n{snapshot.summary}", soft_wrap=True)
    console.print(_figures(built))
    console.print(
        f"{counts['series_points']:,} series points, {counts['extremes_items']:,} extremes,"
        f" {counts['portfolio_assets']:,} assets; {counts['body_bytes']:,} bytes,"
        f" updated {snapshot.updated_at}"
    )
    for kind, reasons in built.missing.to_json().items():
        for why in dict.fromkeys(reasons.values()):
            names = ", ".join(kpi for kpi, reason in reasons.items() if reason == why)
            console.print(f"[yellow]missing {kind}[/] {names}: {why}", soft_wrap=True)
    if not any(built.missing.counts().values()):
        console.print("nothing is missing")


def _figures(built: Built) -> Table:
    overlay = built.snapshot.overlay
    values = {row.kpi: row.value for row in built.snapshot.rows}
    table = Table("KPI", "value", "points", "hi", "lo", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for kpi in (*CATALOG, *(extra for extra in EXTREMES if extra not in CATALOG)):
        points, sides = overlay.series_by_kpi.get(kpi, ()), overlay.extremes.by_kpi.get(kpi)
        lists = (str(len(sides.hi)), str(len(sides.lo))) if sides else ("", "")
        table.add_row(kpi, values.get(kpi, ""), str(len(points) or ""), *lists)
    return table
