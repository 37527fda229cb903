"""Turns a snapshot into the statements that rebuild its day, as the dashboard does.

Observed in its public source (`upsertMetricsDaily`, see `normalization`). Lenient where the real
one is: what cannot be placed is dropped without a word. Strict where it is: a second row of one key
fails, when it is inserted.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from infra.local.dashboard.normalization import number, whole

Statement = tuple[str, tuple[Any, ...] | dict[str, Any]]

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
DERIVED_TABLES = (
    "metrics_kpi_values",
    "metrics_series_points",
    "metrics_extremes_items",
    "metrics_portfolio_assets",
)
_TEXTS = frozenset({"symbol", "contract_name", "mid_ts"})
EXTREMES_FIELDS = (
    "trade_id",
    "symbol",
    "contract_name",
    "metric_raw",
    "metric_abs",
    "individual_pnl",
    "abs_individual_pnl",
    "percent_change",
    "cost_basis",
    "qty",
    "bid_price",
    "ask_price",
    "mid_price",
    "mid_ts",
    "mid_mark_pnl",
    "liquidity_drag",
)


def clearing(snapshot: dict[str, Any]) -> list[Statement]:
    """Return the statements that store the day's archive row and empty its derived tables."""
    columns = ("date", "updated_at", "headline", "summary")
    day = [snapshot[name] for name in columns]
    archive = [json.dumps(snapshot["rows"]), json.dumps(snapshot["overlay"])]
    replaced = "updated_at, headline, summary, rows_json, overlay_json"
    upsert = (
        f"INSERT INTO metrics_daily (date, {replaced}) VALUES (?, ?, ?, ?, ?, ?)"
        f" ON CONFLICT (date) DO UPDATE SET ({replaced}) ="
        " (excluded.updated_at, excluded.headline, excluded.summary,"
        " excluded.rows_json, excluded.overlay_json)"
    )
    date = snapshot["date"]
    deletes = [(f"DELETE FROM {table} WHERE date = ?", (date,)) for table in DERIVED_TABLES]
    return [(upsert, (*day, *archive)), *deletes]


def inserting(snapshot: dict[str, Any]) -> Iterator[Statement]:
    """Yield one statement for each derived row."""
    date, overlay = snapshot["date"], snapshot["overlay"]
    for row in snapshot["rows"]:
        yield _insert("metrics_kpi_values", date, *row.values(), *value_of(row["value"]))
    for kpi, points in overlay["seriesByKpi"].items():
        for point in points:
            at = (point["t"], point["v"], point.get("src"))
            yield _insert("metrics_series_points", date, kpi, *at)
    yield from _extremes(date, overlay["extremes"].get("byKpi", {}))
    for asset in overlay["portfolioAssets"]:
        yield _insert("metrics_portfolio_assets", date, *asset.values())


def value_of(shown: str) -> tuple[float | None, str]:
    """Return a displayed value as (number, kind): percents lose their sign, text has no number."""
    if shown.endswith("%"):
        read, kind = number(re.sub("[%+,]", "", shown)), "percent"
    else:
        bare = shown.replace(",", "").strip()
        read, kind = float(bare) if _NUMBER.fullmatch(bare) else None, "number"
    return (None, "text") if read is None or not math.isfinite(read) else (read, kind)


def _extremes(date: str, by_kpi: dict[str, Any]) -> Iterator[Statement]:
    for kpi, sides in by_kpi.items():
        for side in ("hi", "lo"):
            items = sides.get(side) if isinstance(sides, dict) else None
            # The rank is the place in the list, whatever the item says of itself.
            for rank, item in enumerate(items if isinstance(items, list) else [], start=1):
                fields = _fields(item if isinstance(item, dict) else {})
                if fields["contract_name"]:
                    place = (date, kpi, side, rank)
                    table = "metrics_extremes_items"
                    yield _insert(table, *place, *fields.values(), json.dumps(item))


def _fields(item: dict[str, Any]) -> dict[str, str | float | None]:
    return {name: _field(name, item.get(name)) for name in EXTREMES_FIELDS}


def _field(name: str, value: object) -> str | float | None:
    """Return a text or a number; a truth is neither in an item."""
    if name in _TEXTS:
        return value if isinstance(value, str) and value else None
    if isinstance(value, bool):
        return None
    return whole(value) if name == "trade_id" else number(value)


def _insert(table: str, *values: object) -> Statement:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values
