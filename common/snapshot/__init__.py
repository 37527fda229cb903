"""The daily KPI snapshot: payload, wording and completeness (kpis.md sections 1 and 2)."""

from common.snapshot.assembly import Day, assemble
from common.snapshot.completeness import Missing, missing
from common.snapshot.displayed import ValueKind, value_of
from common.snapshot.extremes import Contract, ExtremeItem, Side, Sides
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
    "Contract",
    "DailySnapshot",
    "Day",
    "ExtremeItem",
    "Extremes",
    "KpiRow",
    "Missing",
    "Overlay",
    "PortfolioAsset",
    "SeriesPoint",
    "Side",
    "Sides",
    "SnapshotTooLargeError",
    "ValueKind",
    "assemble",
    "missing",
    "timestamp",
    "value_of",
]
