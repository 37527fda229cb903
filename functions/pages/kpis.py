"""KPIs: the last day that was computed, its series and extremes, and what was pushed when."""

from datetime import datetime
from typing import Any

from common.market import trading_day
from common.snapshot import SnapshotParts
from common.snapshot.catalog import CATALOG, DASH, why_missing
from functions.pages.rendering import Reply, chart, page
from functions.pages.requests import Call
from infra.postgres.console import operations
from infra.postgres.dashboard import kpis

_PUSHES = 15
_EXTREMES = 3


def show(call: Call) -> Reply:
    """Show the figures as the last push computed them; nothing is computed for a look."""
    with call.app.database.transaction() as tx:
        pushes = operations.pushes(tx, _PUSHES)
        day = pushes[0]["report_date"] if pushes else trading_day(call.now)
        parts = kpis.day(tx, call.app.views, day)
    tiles = [_tile(parts, name) for name in CATALOG]
    return page(
        call,
        "kpis",
        day=day,
        tiles=tiles,
        known=sum(tile["value"] != DASH for tile in tiles),
        extremes=_extremes(parts),
        pushes=pushes,
    )


def _tile(parts: SnapshotParts, name: str) -> dict[str, Any]:
    value = parts.figures.get(name) or DASH
    points = [(datetime.fromisoformat(point.t), point.v) for point in parts.series.get(name, [])]
    return {
        "name": name,
        "value": value,
        "why": why_missing(name) if value == DASH else "",
        "chart": chart(f"{name} over the day", points) if len(points) > 1 else None,
    }


def _extremes(parts: SnapshotParts) -> list[dict[str, Any]]:
    names = sorted({name for name, _ in parts.extremes})
    return [
        {
            "name": name,
            "high": parts.extremes.get((name, "hi"), [])[:_EXTREMES],
            "low": parts.extremes.get((name, "lo"), [])[:_EXTREMES],
        }
        for name in names
    ]
