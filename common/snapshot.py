"""The daily KPI snapshot: payload, wording and completeness (kpis.md sections 1 and 2)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from pydantic import Field

from common.kpis import CATALOG, DASH
from common.model import Model

SOURCE = "countersign"


class KpiRow(Model):
    """One figure as it is displayed."""

    kpi: str
    value: str


class PortfolioAsset(Model):
    """One open position."""

    trade_id: int
    symbol: str
    contract_name: str


class SeriesPoint(Model):
    """One point of a KPI's day; `t` has one spelling only, it is compared as text."""

    t: str
    v: float
    src: str = "real"


class Extremes(Model):
    """The highest and lowest contracts of each KPI."""

    by_kpi: dict[str, dict[str, list[dict[str, object]]]] = Field(
        default_factory=dict, serialization_alias="byKpi"
    )


class Overlay(Model):
    """What the dashboard draws beside the figures."""

    series_by_kpi: dict[str, list[SeriesPoint]] = Field(
        default_factory=dict, serialization_alias="seriesByKpi"
    )
    extremes: Extremes = Extremes()
    portfolio_assets: list[PortfolioAsset] = Field(serialization_alias="portfolioAssets")


class DailySnapshot(Model):
    """The body of `POST /v1/internal/trades/snapshot`."""

    date: date
    updated_at: str
    headline: str
    summary: str
    rows: list[KpiRow]
    overlay: Overlay
    source: str = SOURCE

    def to_body(self) -> bytes:
        """Serialise once: these very bytes are signed and sent."""
        return self.model_dump_json(by_alias=True).encode()


def assemble(
    report_date: date,
    updated_at: datetime,
    figures: Mapping[str, str],
    assets: Sequence[PortfolioAsset],
) -> DailySnapshot:
    """Put a day's figures into the dashboard's order and words."""
    pnl = figures.get("Daily PnL", DASH)
    return DailySnapshot(
        date=report_date,
        updated_at=timestamp(updated_at),
        headline=f"Haiphen day trading snapshot ({pnl} on {report_date})",
        summary=summarise(figures),
        rows=[KpiRow(kpi=kpi, value=figures[kpi]) for kpi in CATALOG if kpi in figures],
        overlay=Overlay(portfolio_assets=list(assets)),
    )


def missing(figures: Mapping[str, str]) -> list[str]:
    """Name the KPIs that have no value that day."""
    return [kpi for kpi in CATALOG if figures.get(kpi, DASH) == DASH]


def summarise(figures: Mapping[str, str]) -> str:
    """Say the day in one line; a figure that is missing leaves its part out."""
    parts = [
        f"{figures[kpi]} {words}"
        for kpi, words in (
            ("Signals scanned", "signals scanned"),
            ("Opportunities flagged", "opportunities flagged"),
            ("Entries opened", "entries opened"),
            ("Exits closed", "exits closed"),
            ("Daily PnL", "pnl."),
        )
        if figures.get(kpi, DASH) != DASH
    ]
    return " • ".join(parts)


def timestamp(at: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
