"""The KPI views: which days they hold, their refresh, and a day's rows."""

from datetime import date, datetime

from pydantic import ConfigDict, TypeAdapter

from common.snapshot import ContractItem, ExtremesSide, PortfolioAsset, SeriesPoint, SnapshotParts
from infra.postgres.dashboard import kpi_views
from infra.postgres.dashboard.kpi_views import Views
from infra.postgres.database import Transaction

# How many report dates the views hold: a refresh costs as much as these days.
DAYS_KEPT = 5

# The database writes a KPI's rows as one JSON array: a row each would cost five times as much.
_LAZILY = ConfigDict(defer_build=True)  # a cold start pays only for the validators it needs
_FIGURES = TypeAdapter(dict[str, str], config=_LAZILY)
_POINTS = TypeAdapter(list[SeriesPoint], config=_LAZILY)
_CONTRACTS = TypeAdapter(list[ContractItem], config=_LAZILY)
# What no figure reaches, and NaN and Infinity neither: a fact that should not be there costs the
# points, items and figures made of it, and not the day.
_BOUND = "1e18"
_NUMBERS = (
    *("metric_abs", "individual_pnl", "abs_individual_pnl", "percent_change", "cost_basis", "qty"),
    *("bid_price", "ask_price", "mid_price", "mid_mark_pnl", "liquidity_drag"),
)
_BOUNDED = ", ".join(
    f"'{name}', CASE WHEN abs({name}) < {_BOUND} THEN {name} END" for name in _NUMBERS
)
_INSTANT = """'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'"""


def refresh(tx: Transaction, views: Views, report_date: date, now: datetime) -> None:
    """Put a day into the views, drop the one asked for longest ago, and recompute them.

    Raises KpiViewError, which names the view, when one cannot be recomputed.
    """
    kpi_views.check(tx, views)
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
    for view in views.all():
        with kpi_views.named(view):
            tx.run(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view}")


def day(tx: Transaction, views: Views, report_date: date) -> SnapshotParts:
    """Read what the views hold of a day; raises KpiViewError, which names the view."""
    kpi_views.check_rows(tx, views, report_date)
    return SnapshotParts(
        figures=_figures(tx, views.kpis, report_date),
        series=_series(tx, views.series, report_date),
        extremes=_extremes(tx, views.extremes, report_date),
        assets=_assets(tx, views.portfolio, report_date),
    )


def _figures(tx: Transaction, view: str, report_date: date) -> dict[str, str]:
    with kpi_views.named(view):
        rows = tx.rows(
            f"SELECT kpi_name, display_value FROM {view}"
            " WHERE report_date = :day AND display_value !~ 'NaN|Infinity' ORDER BY sort_order",
            day=report_date,
        )
        return _FIGURES.validate_python({row["kpi_name"]: row["display_value"] for row in rows})


def _series(tx: Transaction, view: str, report_date: date) -> dict[str, list[SeriesPoint]]:
    with kpi_views.named(view):
        rows = tx.rows(
            f"""
            SELECT kpi_name, json_agg(json_build_object(
                't', to_char(ts AT TIME ZONE 'UTC', {_INSTANT}), 'v', value, 'src', source
            ) ORDER BY ts) AS points
            FROM {view} WHERE report_date = :day AND abs(value) < {_BOUND} GROUP BY kpi_name
            """,
            day=report_date,
        )
        return {row["kpi_name"]: _POINTS.validate_python(row["points"]) for row in rows}


def _extremes(
    tx: Transaction, view: str, report_date: date
) -> dict[tuple[str, ExtremesSide], list[ContractItem]]:
    with kpi_views.named(view):
        rows = tx.rows(
            f"""
            SELECT kpi_name, side, json_agg(json_build_object(
                'trade_id', trade_id, 'symbol', symbol, 'contract_name', contract_name,
                'metric_raw', metric_raw, {_BOUNDED},
                'mid_ts', to_char(mid_ts AT TIME ZONE 'UTC', {_INSTANT})
            ) ORDER BY rank) AS contracts
            FROM {view} WHERE report_date = :day AND abs(metric_raw) < {_BOUND}
            GROUP BY kpi_name, side
            """,
            day=report_date,
        )
        return {
            (row["kpi_name"], row["side"]): _CONTRACTS.validate_python(row["contracts"])
            for row in rows
        }


def _assets(tx: Transaction, view: str, report_date: date) -> list[PortfolioAsset]:
    with kpi_views.named(view):
        rows = tx.rows(
            f"SELECT trade_id, symbol, contract_name FROM {view}"
            " WHERE report_date = :day ORDER BY trade_id",
            day=report_date,
        )
        return [PortfolioAsset(**row) for row in rows]
