"""Writes a snapshot straight into the dashboard's database, for when its API is unreachable.

Over Cloudflare's REST API for D1, which is SQLite. A batch is one transaction there: all tables
hold the new day or all keep the old one. Only the archive row carries the day over the wire; the
other tables are filled from it, on the spot.
"""

import json
from typing import Any

import httpx

from common.errors import MalformedMessageError, PermanentError
from common.model import parse_json
from common.snapshot import DailySnapshot, value_of
from infra.dashboard.retries import Retries, refuse_failure
from infra.runtime.http_errors import Secret, reveal, transport_errors
from infra.runtime.tls import tls_context

_ARCHIVE = """
    INSERT INTO metrics_daily (date, updated_at, headline, summary, rows_json, overlay_json)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (date) DO UPDATE SET
        updated_at = excluded.updated_at, headline = excluded.headline,
        summary = excluded.summary, rows_json = excluded.rows_json,
        overlay_json = excluded.overlay_json
"""
_CLEARING = (
    "DELETE FROM metrics_kpi_values WHERE date = ?1",
    "DELETE FROM metrics_series_points WHERE date = ?1",
    "DELETE FROM metrics_extremes_items WHERE date = ?1",
    "DELETE FROM metrics_portfolio_assets WHERE date = ?1",
)
_KPIS = """
    INSERT INTO metrics_kpi_values (date, kpi, value_text, value_num, value_kind)
    SELECT ?1, json_extract(value, '$.kpi'), json_extract(value, '$.text'),
           json_extract(value, '$.num'), json_extract(value, '$.kind')
    FROM json_each(?2)
"""
_SERIES = """
    INSERT INTO metrics_series_points (date, kpi, t, v, src)
    SELECT d.date, kpi.key, json_extract(point.value, '$.t'), json_extract(point.value, '$.v'),
           json_extract(point.value, '$.src')
    FROM metrics_daily d, json_each(d.overlay_json, '$.seriesByKpi') kpi,
         json_each(kpi.value) point
    WHERE d.date = ?1
"""
_ITEM_FIELDS = (
    "rank",
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
_EXTREMES = f"""
    INSERT INTO metrics_extremes_items (date, kpi, side, {", ".join(_ITEM_FIELDS)}, item_json)
    SELECT d.date, kpi.key, side.key,
           {", ".join(f"json_extract(item.value, '$.{field}')" for field in _ITEM_FIELDS)},
           item.value
    FROM metrics_daily d, json_each(d.overlay_json, '$.extremes.byKpi') kpi,
         json_each(kpi.value) side, json_each(side.value) item
    WHERE d.date = ?1 AND side.key IN ('hi', 'lo')
"""  # noqa: S608 (assembled from the constants above)
_ASSETS = """
    INSERT INTO metrics_portfolio_assets (date, trade_id, symbol, contract_name)
    SELECT d.date, json_extract(asset.value, '$.trade_id'), json_extract(asset.value, '$.symbol'),
           json_extract(asset.value, '$.contract_name')
    FROM metrics_daily d, json_each(d.overlay_json, '$.portfolioAssets') asset
    WHERE d.date = ?1
"""


class D1:
    """The dashboard's database. Storing the same day again replaces it."""

    def __init__(
        self,
        base_url: str,
        account_id: str,
        database_id: str,
        token: Secret,
        *,
        attempts: int = 4,
        deadline_seconds: float = 60,
        longest_wait_seconds: float = 8,
    ) -> None:
        self._path = f"/accounts/{account_id}/d1/database/{database_id}/query"
        self._token = token
        self._client = httpx.Client(verify=tls_context(), base_url=base_url)
        self._retry = Retries(attempts, deadline_seconds, longest_wait_seconds)

    def store(self, snapshot: DailySnapshot) -> None:
        """Replace the day in all tables, or in none.

        Raises PermanentError when Cloudflare refused it and TransientError when it stayed
        unreachable until the deadline.
        """
        batch = json.dumps({"batch": _statements(snapshot)}).encode()
        self._retry(lambda timeout: self._query(batch, timeout))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _query(self, batch: bytes, timeout: httpx.Timeout) -> None:
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {reveal(self._token)}",
        }
        with transport_errors("D1", writes=False):
            response = self._client.post(
                self._path, content=batch, headers=headers, timeout=timeout
            )
        refuse_failure("D1", response)
        if not _succeeded(response):
            raise PermanentError(f"D1 answered: {response.text[:200]}")


def _statements(snapshot: DailySnapshot) -> list[dict[str, Any]]:
    day = str(snapshot.date)
    document = snapshot.model_dump(mode="json", by_alias=True)
    # The API's archive has no series without a point, but every list of extremes, empty ones too.
    series = document["overlay"]["seriesByKpi"]
    document["overlay"]["seriesByKpi"] = {kpi: points for kpi, points in series.items() if points}
    texts = [document[name] for name in ("updated_at", "headline", "summary")]
    archive = [_compact(document[name]) for name in ("rows", "overlay")]
    return [
        {"sql": _ARCHIVE, "params": [day, *texts, *archive]},
        *({"sql": clearing, "params": [day]} for clearing in _CLEARING),
        {"sql": _KPIS, "params": [day, _compact(_values(snapshot))]},
        *({"sql": filling, "params": [day]} for filling in (_SERIES, _EXTREMES, _ASSETS)),
    ]


def _values(snapshot: DailySnapshot) -> list[dict[str, Any]]:
    values = []
    for row in snapshot.rows:
        number, kind = value_of(row.value)
        shown = None if number is None else float(number)  # the column is a double
        values.append({"kpi": row.kpi, "text": row.value, "num": shown, "kind": kind})
    return values


def _compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _succeeded(response: httpx.Response) -> bool:
    """Return whether every statement of the batch did; Cloudflare also says so in the body."""
    try:
        document = parse_json(response.content)
    except MalformedMessageError:
        return False
    return isinstance(document, dict) and document.get("success") is True
