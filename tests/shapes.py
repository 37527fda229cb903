"""Shapes of JSON documents: keys and types at every level."""

import json

from common.snapshot.catalog import CATALOG, EXTREMES


def shape(value: object) -> object:
    """Describe a document; a list by the different shapes of its items, numbers all alike."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(shape(each), sort_keys=True) for each in value})
    return "number" if isinstance(value, int | float) else type(value).__name__


_TEXTS = ("contract_name", "day", "kpi", "mid_ts", "side", "symbol")
_NUMBERS = (
    *("abs_individual_pnl", "individual_pnl", "mid_mark_pnl", "liquidity_drag", "percent_change"),
    *("ask_price", "bid_price", "mid_price", "cost_basis", "qty"),
    *("broker_avg_entry_price", "broker_market_value", "broker_unrealized_pl"),
    *("broker_unrealized_plpc", "metric_abs", "metric_raw", "rank", "trade_id"),
)
_CONTRACT = json.dumps(
    dict.fromkeys(_TEXTS, "str") | dict.fromkeys(_NUMBERS, "number"), sort_keys=True
)
_POINT = json.dumps({"src": "str", "t": "str", "v": "number"})
_ASSET = json.dumps({"contract_name": "str", "symbol": "str", "trade_id": "number"})

# A whole day, as the dashboard reads it.
SNAPSHOT = {
    "date": "str",
    "updated_at": "str",
    "headline": "str",
    "summary": "str",
    "source": "str",
    "rows": [json.dumps({"kpi": "str", "value": "str"})],
    "overlay": {
        "seriesByKpi": {kpi: [_POINT] for kpi in CATALOG},
        "extremes": {
            "legacyKpi": "str",
            "source": "str",
            "byKpi": {
                kpi: {side: [_CONTRACT] for side in ("hi", "lo", "items")} for kpi in EXTREMES
            },
        },
        "portfolioAssets": [_ASSET],
    },
}
