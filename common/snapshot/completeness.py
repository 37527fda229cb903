"""What a day's snapshot lacks, and why."""

from dataclasses import asdict, dataclass
from typing import Any

from common.snapshot.catalog import CATALOG, COUNTS, DASH, EXTREMES, why_missing
from common.snapshot.payload import DailySnapshot


@dataclass(frozen=True)
class Missing:
    """KPIs without a value, series without a point, extremes without a contract: each with why."""

    kpis: dict[str, str]
    series: dict[str, str]
    extremes: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored and answered."""
        return asdict(self)

    def counts(self) -> dict[str, int]:
        """Return how much is missing of each kind, for logs."""
        return {f"missing_{kind}": len(reasons) for kind, reasons in asdict(self).items()}


def missing(snapshot: DailySnapshot) -> Missing:
    """Name what the snapshot lacks of the 26 KPIs, 26 series and 18 lists of extremes."""
    values = {row.kpi: row.value for row in snapshot.rows}
    series, extremes = snapshot.overlay.series_by_kpi, snapshot.overlay.extremes.by_kpi
    return Missing(
        kpis={kpi: why_missing(kpi) for kpi in CATALOG if values[kpi] == DASH},
        series={kpi: why_missing(kpi) for kpi in CATALOG if not series[kpi]},
        extremes={kpi: why_missing(kpi) for kpi in EXTREMES if not extremes[kpi].items},
    )


def nothing_recorded(snapshot: DailySnapshot) -> bool:
    """Return whether nothing happened that day: no fact, opportunity, question, entry or exit."""
    values = {row.kpi: row.value for row in snapshot.rows}
    return all(values[kpi] in {"0", DASH} for kpi in COUNTS)
