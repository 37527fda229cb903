"""Brings a posted snapshot into one shape, as the dashboard's own receiver does first of all.

Observed in its public source (github.com/JudeSafo/haiphen-aboutme, `haiphen-api/src/ingest.ts`,
`normalizeTradesJson`): names have variants, texts are stripped, numbers may be texts, and what
cannot be read is dropped without a word.
"""

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from common.snapshot import timestamp

# Only the form is looked at: 2026-13-45 passes, there as here.
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# What JavaScript's `Number` makes of a text; hexadecimal and the like are left out.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def normalize(payload: object, now: datetime) -> dict[str, Any]:
    """Return what the dashboard stores of a payload.

    Raises ValueError when it is no object or its date has another form.
    """
    if not isinstance(payload, dict):
        raise ValueError("normalizeTradesJson: payload must be an object")  # noqa: TRY004 (one kind)
    date = text(payload.get("date"))
    if not date:
        raise ValueError("normalizeTradesJson: missing/invalid date")
    if not _DATE.fullmatch(date):
        raise ValueError("normalizeTradesJson: date must be YYYY-MM-DD")
    return {
        "date": date,
        "updated_at": text(payload.get("updated_at")) or timestamp(now),
        "headline": text(payload.get("headline")) or f"Haiphen metrics for {date}",
        "summary": text(payload.get("summary")),
        "rows": list(_rows(payload)),
        "overlay": _overlay(_object(payload.get("overlay"))),
    }


def text(value: object) -> str:
    """Return a text without the blanks around it, a finite number as its text, else nothing."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def number(value: object) -> float | None:
    """Return what JavaScript's `Number` makes of a number, a text or a truth, if it is finite.

    An empty text is 0. Arrays, of which it reads the only element, are not read here.
    """
    if isinstance(value, str):
        stripped = value.strip() or "0"
        value = float(stripped) if _NUMBER.fullmatch(stripped) else None
    if not isinstance(value, int | float):
        return None
    held = float(value) if abs(value) < 1e308 else math.inf  # noqa: PLR2004 (about a double's end)
    return held if math.isfinite(held) else None


def whole(value: object) -> int | None:
    """Return a number without its fraction."""
    held = number(value)
    return None if held is None else math.trunc(held)


def _rows(payload: dict[str, Any]) -> Iterator[dict[str, str]]:
    for row in _objects(_list(payload, "rows", "kpis")):
        names = (text(row.get(name)) for name in ("kpi", "name", "label"))
        kpi = next(filter(None, names), "")
        if kpi:
            yield {"kpi": kpi, "value": text(_first(row, "value", "val", "text"))}


def _overlay(overlay: dict[str, Any]) -> dict[str, Any]:
    extremes = _object(overlay.get("extremes"))
    named = {name: text(extremes.get(name)) for name in ("legacyKpi", "source")}
    by_kpi = extremes.get("byKpi")
    return {
        "seriesByKpi": dict(_series(overlay)),
        "extremes": ({"byKpi": by_kpi} if isinstance(by_kpi, dict) else {})
        | {name: value for name, value in named.items() if value},
        "portfolioAssets": list(_assets(overlay)),
    }


def _series(overlay: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    named = (overlay.get(name) for name in ("seriesByKpi", "series"))
    by_kpi = next((each for each in named if isinstance(each, dict)), {})
    for kpi, points in by_kpi.items():
        kept = list(_points(points))
        if kept:  # a series without a point is not kept
            yield kpi, kept


def _points(points: object) -> Iterator[dict[str, Any]]:
    for point in _objects(points):
        at = text(_first(point, "t", "time", "ts"))
        value = number(_first(point, "v", "value"))
        if at and value is not None:
            src = text(point.get("src"))
            # JavaScript writes a whole number without a point.
            held = int(value) if value.is_integer() else value
            yield {"t": at, "v": held} | ({"src": src} if src else {})


def _assets(overlay: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for asset in _objects(_list(overlay, "portfolioAssets", "assets")):
        trade_id = whole(_first(asset, "trade_id", "tradeId", "id"))
        contract = text(_first(asset, "contract_name", "contractName", "contract"))
        if trade_id is not None and contract:
            symbol = text(asset.get("symbol")) or None
            yield {"trade_id": trade_id, "symbol": symbol, "contract_name": contract}


def _first(item: dict[str, Any], *names: str) -> Any:
    """Return the first of these fields that is there."""
    return next((item[name] for name in names if item.get(name) is not None), None)


def _list(item: dict[str, Any], *names: str) -> object:
    return next((item[name] for name in names if isinstance(item.get(name), list)), [])


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
