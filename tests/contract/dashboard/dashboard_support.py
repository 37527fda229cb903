"""Signed snapshots, well formed and otherwise, for the tests of the dashboard's receiver."""

import hashlib
import hmac
import json
from typing import Any

from infra.local.dashboard.receiver import ENDPOINT, DashboardReceiver

DATE = "2026-02-10"
TOKEN = "token"
SECRET = "secret"


def snapshot(**changes: object) -> dict[str, Any]:
    item = {"trade_id": 1, "symbol": "ON", "contract_name": "ON260918C00080000", "metric_raw": -110}
    held = {"trade_id": 1, "symbol": "ON", "contract_name": "ON260918C00080000"}
    payload: dict[str, Any] = {
        "date": DATE,
        "updated_at": f"{DATE}T22:44:07.984Z",
        "headline": f"Haiphen day trading snapshot (-$110.00 on {DATE})",
        "summary": "2 signals scanned.",
        "rows": [
            {"kpi": "Signals scanned", "value": "2"},
            {"kpi": "Daily PnL", "value": "-$110.00"},
        ],
        "overlay": {
            "seriesByKpi": {"Daily PnL": [point("14:00", 0), point("14:15", -110)]},
            "extremes": {"byKpi": {"Daily PnL": {"hi": [item], "lo": []}}},
            "portfolioAssets": [held],
        },
        "source": "test",
    }
    return payload | changes


def point(at: str, value: float) -> dict[str, object]:
    return {"t": f"{DATE}T{at}:00.000Z", "v": value, "src": "real"}


def written(payload: object) -> bytes:
    return json.dumps(payload).encode()


def headers(body: bytes) -> dict[str, str]:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Internal-Token": TOKEN, "X-Signature": signature, "Content-Type": "application/json"}


def post(dashboard: DashboardReceiver, body: bytes, **changed: str) -> Any:
    sent = headers(body) | {name.replace("_", "-"): value for name, value in changed.items()}
    return dashboard.app.test_client().post(ENDPOINT, data=body, headers=sent)


def counts(dashboard: DashboardReceiver) -> tuple[int, int, int, int]:
    day = dashboard.day(DATE)
    assert day is not None
    return len(day.kpis), day.series_points, day.extremes_items, day.portfolio_assets
