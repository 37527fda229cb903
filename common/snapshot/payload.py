"""The body of `POST /v1/internal/trades/snapshot`, and how it becomes bytes."""

import datetime as dt
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from common.errors import PermanentError
from common.model import Model
from common.snapshot.extremes import Sides
from common.snapshot.numbers import Number

SOURCE = "countersign"
# About twice as much is refused there, and one row of the fallback's database holds no more.
MAX_BODY_BYTES = 1_000_000


class SnapshotTooLargeError(PermanentError):
    """The day does not fit into a body that the dashboard takes."""

    def __init__(self, message: str, body_bytes: int) -> None:
        super().__init__(message)
        self.body_bytes = body_bytes


class KpiRow(Model):
    """One figure as it is displayed."""

    kpi: str
    value: str


class PortfolioAsset(Model):
    """One open position."""

    trade_id: int
    symbol: str
    contract_name: str


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid", defer_build=True))
class SeriesPoint:
    """One point of a KPI's day; `t` has one spelling only, it is compared as text.

    No `Model`, which takes twice the time and memory: there are thousands of these.
    """

    t: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$")]
    v: Number
    src: str


class Extremes(Model):
    """The highest and lowest contracts of each KPI; `legacy_kpi` is what old readers show."""

    legacy_kpi: str = Field("Daily PnL", serialization_alias="legacyKpi")
    source: str = SOURCE
    by_kpi: dict[str, Sides] = Field(serialization_alias="byKpi")


class Overlay(Model):
    """What the dashboard draws beside the figures."""

    series_by_kpi: dict[str, list[SeriesPoint]] = Field(serialization_alias="seriesByKpi")
    extremes: Extremes
    portfolio_assets: list[PortfolioAsset] = Field(serialization_alias="portfolioAssets")


class DailySnapshot(Model):
    """The whole body."""

    date: dt.date
    updated_at: str
    headline: str
    summary: str
    rows: list[KpiRow]
    overlay: Overlay
    source: str = SOURCE

    def to_body(self) -> bytes:
        """Serialise once: these very bytes are signed and sent.

        Raises SnapshotTooLargeError that names the size and the largest part.
        """
        body = self.model_dump_json(by_alias=True).encode()
        if len(body) >= MAX_BODY_BYTES:
            part, size = self._largest_part()
            raise SnapshotTooLargeError(
                f"the snapshot of {self.date} has {len(body):,} bytes, {MAX_BODY_BYTES:,} are too"
                f" many; its largest part is {part} with {size:,}",
                len(body),
            )
        return body

    def _largest_part(self) -> tuple[str, int]:
        parts = {
            "rows": self.rows,
            "overlay.seriesByKpi": self.overlay.series_by_kpi,
            "overlay.extremes": self.overlay.extremes,
            "overlay.portfolioAssets": self.overlay.portfolio_assets,
        }
        sizes = {
            name: len(TypeAdapter(type(part)).dump_json(part, by_alias=True))
            for name, part in parts.items()
        }
        return max(sizes.items(), key=lambda each: each[1])
