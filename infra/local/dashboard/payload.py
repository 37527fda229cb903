"""Turns a posted snapshot into the statements that rebuild its day, as the dashboard does.

Lenient where the real one is: field variants are accepted, and what cannot be placed is dropped
without a word. Strict where it is: a second row of one key fails, when it is inserted.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

Statement = tuple[str, tuple[Any, ...]]

# Only the form is looked at: 2026-13-45 passes, there as here.
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", re.ASCII)
DERIVED_TABLES = (
    "metrics_kpi_values",
    "metrics_series_points",
    "metrics_extremes_items",
    "metrics_portfolio_assets",
)
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


def date_of(payload: object) -> str:
    """Return the snapshot's date; ValueError when it has none of the right form."""
    date = payload.get("date") if isinstance(payload, dict) else None
    if not isinstance(date, str) or not _DATE.fullmatch(date):
        raise ValueError("date must be YYYY-MM-DD")
    return date


def clearing(payload: dict[str, Any]) -> list[Statement]:
    """Return the statements that store the day's archive row and empty its derived tables."""
    date = date_of(payload)
    day = [date, *(payload.get(name) for name in ("updated_at", "headline", "summary"))]
    archive = [json.dumps(_rows(payload)), json.dumps(_overlay(payload))]
    columns = "updated_at, headline, summary, rows_json, overlay_json"
    upsert = (
        f"INSERT INTO metrics_daily (date, {columns}) VALUES (?, ?, ?, ?, ?, ?)"
        f" ON CONFLICT (date) DO UPDATE SET ({columns}) ="
        " (excluded.updated_at, excluded.headline, excluded.summary,"
        " excluded.rows_json, excluded.overlay_json)"
    )
    deletes = [(f"DELETE FROM {table} WHERE date = ?", (date,)) for table in DERIVED_TABLES]
    return [(upsert, (*day, *archive)), *deletes]


def inserting(payload: dict[str, Any]) -> Iterator[Statement]:
    """Yield one statement for each derived row."""
    date = date_of(payload)
    overlay = _overlay(payload)
    yield from _kpis(date, payload)
    yield from _series(date, overlay)
    yield from _extremes(date, overlay)
    yield from _assets(date, overlay)


def value_of(text: str) -> tuple[float | None, str]:
    """Return a displayed value as (number, kind): percents lose their sign, text has no number."""
    is_percent = text.endswith("%")
    bare = text.removesuffix("%")
    if not _NUMBER.fullmatch(bare):
        return None, "text"
    return float(bare.replace(",", "")), "percent" if is_percent else "number"


def _kpis(date: str, payload: dict[str, Any]) -> Iterator[Statement]:
    for row in _rows(payload):
        kpi, value = _first(row, "kpi", "name", "label"), _first(row, "value", "val", "text")
        if kpi is not None:
            text = "" if value is None else str(value)
            yield _insert("metrics_kpi_values", date, kpi, text, *value_of(text))


def _series(date: str, overlay: dict[str, Any]) -> Iterator[Statement]:
    for kpi, points in _object(_first(overlay, "seriesByKpi", "series")).items():
        for point in _objects(points):
            at, value = _first(point, "t", "time", "ts"), _first(point, "v", "value")
            if at is not None:
                yield _insert("metrics_series_points", date, kpi, at, value, point.get("src"))


def _extremes(date: str, overlay: dict[str, Any]) -> Iterator[Statement]:
    by_kpi = _object(_object(overlay.get("extremes")).get("byKpi"))
    for kpi, sides in by_kpi.items():
        for side in ("hi", "lo"):
            for number, item in enumerate(_objects(_object(sides).get(side)), start=1):
                if item.get("contract_name"):
                    fields = [item.get(field) for field in EXTREMES_FIELDS]
                    place = (date, kpi, side, item.get("rank", number))
                    yield _insert("metrics_extremes_items", *place, *fields, json.dumps(item))


def _assets(date: str, overlay: dict[str, Any]) -> Iterator[Statement]:
    for asset in _objects(_first(overlay, "portfolioAssets", "assets")):
        trade_id, contract = asset.get("trade_id"), asset.get("contract_name")
        if type(trade_id) is int and contract:
            row = (date, trade_id, asset.get("symbol"), contract)
            yield _insert("metrics_portfolio_assets", *row)


def _insert(table: str, *values: object) -> Statement:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values


def _rows(payload: dict[str, Any]) -> list[dict[str, Any]]:
    return _objects(_first(payload, "rows", "kpis"))


def _overlay(payload: dict[str, Any]) -> dict[str, Any]:
    return _object(payload.get("overlay"))


def _first(item: dict[str, Any], *names: str) -> Any:
    """Return the first of these fields that is there."""
    return next((item[name] for name in names if item.get(name) is not None), None)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
