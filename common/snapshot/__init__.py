"""The daily KPI snapshot: payload, wording and completeness (docs/snapshot.md and docs/kpis.md)."""

from common.snapshot.assembly import SnapshotParts, assemble
from common.snapshot.completeness import Missing, missing, nothing_recorded
from common.snapshot.displayed import ValueKind, value_of
from common.snapshot.extremes import ContractItem, ExtremeItem, ExtremesSide, Sides
from common.snapshot.payload import (
    DailySnapshot,
    Extremes,
    KpiRow,
    Overlay,
    PortfolioAsset,
    SeriesPoint,
    SnapshotTooLargeError,
)
from common.snapshot.wording import timestamp

__all__ = [
    "ContractItem",
    "DailySnapshot",
    "ExtremeItem",
    "Extremes",
    "ExtremesSide",
    "KpiRow",
    "Missing",
    "Overlay",
    "PortfolioAsset",
    "SeriesPoint",
    "Sides",
    "SnapshotParts",
    "SnapshotTooLargeError",
    "ValueKind",
    "assemble",
    "missing",
    "nothing_recorded",
    "timestamp",
    "value_of",
]
