"""The KPI views: which days they hold, their refresh, their rows, and the record of every push."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from common.snapshot import PortfolioAsset
from infra.postgres.database import Transaction

# How many report dates the views hold: a refresh costs as much as these days.
DAYS_KEPT = 5


@dataclass(frozen=True)
class Views:
    """Names of the materialized views, as the settings give them."""

    kpis: str
    portfolio: str


@dataclass(frozen=True)
class Push:
    """One attempt to push a day's snapshot."""

    report_date: date
    updated_at: datetime
    body_sha256: str
    body_bytes: int
    missing: Sequence[str]


def refresh(tx: Transaction, views: Views, report_date: date, now: datetime) -> None:
    """Put a day into the views, drop the one asked for longest ago, and recompute them."""
    tx.run(
        """
        INSERT INTO utils_statistics.report_days (report_date, requested_at) VALUES (:day, :now)
        ON CONFLICT (report_date) DO UPDATE SET requested_at = excluded.requested_at
        """,
        day=report_date,
        now=now,
    )
    tx.run(
        """
        DELETE FROM utils_statistics.report_days WHERE report_date NOT IN (
            SELECT report_date FROM utils_statistics.report_days
            ORDER BY requested_at DESC, report_date DESC LIMIT :kept)
        """,
        kept=DAYS_KEPT,
    )
    for view in (views.kpis, views.portfolio):
        tx.run(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view}")


def figures(tx: Transaction, views: Views, report_date: date) -> dict[str, str]:
    """Read a day's KPIs as they are displayed, in order."""
    rows = tx.rows(
        f"SELECT kpi_name, display_value FROM {views.kpis}"
        " WHERE report_date = :day ORDER BY sort_order",
        day=report_date,
    )
    return {r["kpi_name"]: r["display_value"] for r in rows}


def portfolio(tx: Transaction, views: Views, report_date: date) -> list[PortfolioAsset]:
    """Read a day's open positions."""
    rows = tx.rows(
        f"SELECT trade_id, symbol, contract_name FROM {views.portfolio}"
        " WHERE report_date = :day ORDER BY trade_id",
        day=report_date,
    )
    return [PortfolioAsset(**row) for row in rows]


def last_accepted(tx: Transaction, report_date: date) -> datetime | None:
    """Read the `updated_at` of the newest snapshot that the dashboard accepted for a day."""
    row = tx.row(
        "SELECT max(updated_at) AS updated_at FROM snapshot_pushes"
        " WHERE report_date = :day AND result = 'accepted'",
        day=report_date,
    )
    return row["updated_at"] if row else None


def store_push(
    tx: Transaction,
    push: Push,
    result: str,
    *,
    request_id: str | None = None,
    error: str | None = None,
) -> None:
    """Record what came of an attempt: `accepted`, `refused` or `unreachable`."""
    tx.run(
        """
        INSERT INTO snapshot_pushes (report_date, updated_at, body_sha256, body_bytes, result,
                                     request_id, error, missing)
        VALUES (:report_date, :updated_at, :body_sha256, :body_bytes, :result, :request_id,
                :error, CAST(:missing AS text[]))
        """,
        report_date=push.report_date,
        updated_at=push.updated_at,
        body_sha256=push.body_sha256,
        body_bytes=push.body_bytes,
        result=result,
        request_id=request_id,
        error=error,
        missing=list(push.missing),
    )
