"""Puts what the views hold of a day into the dashboard's order, each key once."""

import datetime as dt
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from common.snapshot.catalog import CATALOG, DASH, EXTREMES
from common.snapshot.extremes import ContractItem, ExtremeItem, ExtremesSide, Sides
from common.snapshot.payload import (
    DailySnapshot,
    Extremes,
    KpiRow,
    Overlay,
    PortfolioAsset,
    SeriesPoint,
)
from common.snapshot.wording import headline, summarise, timestamp

_Row = TypeVar("_Row")


@dataclass(frozen=True)
class SnapshotParts:
    """What the views hold of one report date, by KPI; extremes are in the order of their rank."""

    figures: Mapping[str, str]
    series: Mapping[str, Sequence[SeriesPoint]]
    extremes: Mapping[tuple[str, ExtremesSide], Sequence[ContractItem]]
    assets: Sequence[PortfolioAsset]


def assemble(report_date: dt.date, updated_at: dt.datetime, day: SnapshotParts) -> DailySnapshot:
    """Build the payload. A second row of one key would empty the day there: the last one counts.

    Every KPI has its key. Where the extremes of one are left out, the dashboard's page shows those
    of another (`legacy_kpi`, else the first) under its name; an empty list it shows as none.
    """
    return DailySnapshot(
        date=report_date,
        updated_at=timestamp(updated_at),
        headline=headline(report_date, day.figures),
        summary=summarise(day.figures),
        rows=[KpiRow(kpi=kpi, value=day.figures.get(kpi, DASH)) for kpi in CATALOG],
        overlay=Overlay(
            series_by_kpi={kpi: _series(day, kpi) for kpi in CATALOG},
            extremes=Extremes(by_kpi=_extremes(day, report_date)),
            portfolio_assets=_each_once(
                day.assets, lambda each: (each.trade_id, each.contract_name)
            ),
        ),
    )


def _series(day: SnapshotParts, kpi: str) -> list[SeriesPoint]:
    points = _each_once(day.series.get(kpi, ()), lambda each: each.t)
    return sorted(points, key=lambda each: each.t)


def _extremes(day: SnapshotParts, report_date: dt.date) -> dict[str, Sides]:
    return {
        kpi: Sides(hi=_side(day, report_date, kpi, "hi"), lo=_side(day, report_date, kpi, "lo"))
        for kpi in EXTREMES
    }


def _side(
    day: SnapshotParts, report_date: dt.date, kpi: str, side: ExtremesSide
) -> list[ExtremeItem]:
    contracts = _each_once(
        day.extremes.get((kpi, side), ()), lambda each: (each.trade_id, each.contract_name)
    )
    return [
        ExtremeItem.of(contract, report_date, kpi, side, rank)
        for rank, contract in enumerate(contracts, start=1)
    ]


def _each_once(rows: Iterable[_Row], key: Callable[[_Row], Hashable]) -> list[_Row]:
    return list({key(row): row for row in rows}.values())
