"""What the dashboard's page shows of a payload, as its public source does.

`pickExtremesForKpi` and `normalizeExtremesPayload` of
`docs/components/trades-overlay/trades-overlay.js` in github.com/JudeSafo/haiphen-aboutme.
"""

from typing import Any


def contracts_shown(body: dict[str, Any], kpi: str) -> list[str]:
    """Return the names of the contracts under a KPI; what is left out is another KPI's."""
    extremes = body["overlay"]["extremes"]
    by_kpi = extremes.get("byKpi")
    if not isinstance(by_kpi, dict):
        return _names(extremes)
    same = next((by_kpi[name] for name in by_kpi if name.lower() == kpi.lower()), None)
    legacy = by_kpi.get(extremes.get("legacyKpi"))
    return _names(same or legacy or next(iter(by_kpi.values()), extremes))


def _names(sides: dict[str, Any]) -> list[str]:
    items = sides.get("items")
    if not isinstance(items, list):
        items = [*sides.get("hi", []), *sides.get("lo", [])]
    return [item["contract_name"] for item in items]
