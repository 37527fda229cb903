"""Builds a day's snapshot from the views: the same for a push and for a look at it."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from common.snapshot import DailySnapshot, Missing, assemble, missing
from infra.postgres.dashboard import kpis
from infra.postgres.dashboard.kpi_views import Views
from infra.postgres.database import Transaction
from infra.runtime.settings import Settings
from infra.workflows.kpis import option_valuation


@dataclass(frozen=True)
class Built:
    """A snapshot, the very bytes of it that are signed and sent, and what it lacks."""

    snapshot: DailySnapshot
    updated_at: datetime
    body: bytes
    missing: Missing

    @property
    def content_sha256(self) -> str:
        """Name the content: the same whenever it is built, because `updated_at` is left out."""
        updated_at = f'"updated_at":{json.dumps(self.snapshot.updated_at)},'
        return hashlib.sha256(self.body.replace(updated_at.encode(), b"", 1)).hexdigest()

    @property
    def body_sha256(self) -> str:
        """Name the bytes."""
        return hashlib.sha256(self.body).hexdigest()

    def counts(self) -> dict[str, Any]:
        """Count what is in it and what is not, for logs."""
        overlay = self.snapshot.overlay
        return {
            "body_bytes": len(self.body),
            "series_points": sum(map(len, overlay.series_by_kpi.values())),
            "extremes_items": sum(len(s.hi) + len(s.lo) for s in overlay.extremes.by_kpi.values()),
            "portfolio_assets": len(overlay.portfolio_assets),
            **self.missing.counts(),
        }


def build(tx: Transaction, views: Views, report_date: date, now: datetime) -> Built:
    """Compute the day as it stands and serialise it; `tx` must not have run anything before.

    All views are computed and read as of one moment: a fill in between would let the number of
    open positions differ from their list. Raises SnapshotTooLargeError.
    """
    tx.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    option_valuation.complete(tx, report_date, now)
    kpis.refresh(tx, views, report_date, now)
    snapshot = assemble(report_date, now, kpis.day(tx, views, report_date))
    return Built(snapshot, now, snapshot.to_body(), missing(snapshot))


def views(settings: Settings) -> Views:
    """Name the views that the settings give."""
    return Views(
        kpis=settings.mv_kpi_table,
        series=settings.mv_series_table,
        extremes=settings.mv_extremes_table,
        portfolio=settings.mv_portfolio_table,
    )
