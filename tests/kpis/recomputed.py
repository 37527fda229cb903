"""What the database tells of a day, and how each figure must be written (docs/kpis.md)."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import HealthCheck, settings

from common.market import NEW_YORK
from infra.postgres.database import Transaction

# A random day is a seed: each example fills a database and reads it back.
random_days = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# The clocks change on two of them.
DAYS = (date(2026, 2, 10), date(2026, 3, 8), date(2026, 7, 1), date(2026, 11, 1))

DASH = "—"
MICROSECOND = timedelta(microseconds=1)
Numbers = dict[str, Decimal | None]


def figures(tx: Transaction, day: date, as_of: datetime) -> dict[str, str]:
    """Read the headline figures, in order."""
    found = call(tx, "daily_trade_kpis", day, as_of)
    return {
        row["kpi_name"]: row["display_value"]
        for row in sorted(found, key=lambda row: row["sort_order"])
    }


def series(tx: Transaction, day: date, as_of: datetime) -> dict[str, dict[datetime, Decimal]]:
    """Read the points of each series, by time."""
    found: dict[str, dict[datetime, Decimal]] = defaultdict(dict)
    rows = call(tx, "daily_trade_series", day, as_of)
    for row in sorted(rows, key=lambda row: row["ts"]):
        assert row["source"] == "real"
        assert row["ts"] not in found[row["kpi_name"]]
        found[row["kpi_name"]][row["ts"]] = row["value"]
    return found


def extremes(
    tx: Transaction, day: date, as_of: datetime
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Read the items of each list, by rank."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(call(tx, "daily_trade_extremes", day, as_of), key=lambda row: row["rank"]):
        found[row["kpi_name"], row["side"]].append(row)
    return found


def portfolio(tx: Transaction, day: date, as_of: datetime) -> list[dict[str, Any]]:
    """Read the open positions."""
    return call(tx, "daily_trade_portfolio", day, as_of)


def midnight(day: date) -> datetime:
    """Return when a trading day begins."""
    return datetime.combine(day, time(0), NEW_YORK)


def span(day: date, as_of: datetime) -> tuple[datetime, datetime]:
    """Return the part of a day that is told as of an instant: from, up to and without."""
    since, over = (midnight(each).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    return since, max(since, min(over, as_of + MICROSECOND))


def quarters(day: date, as_of: datetime) -> dict[datetime, datetime]:
    """Return the quarters of an hour of the UTC day that have begun, each with its end."""
    first = datetime.combine(day, time(0), UTC)
    starts = [first + timedelta(minutes=15 * number) for number in range(96)]
    return {
        start: min(start + timedelta(minutes=15), as_of + MICROSECOND)
        for start in starts
        if start <= as_of
    }


def shown(kpi: str, value: Decimal | int | None) -> str:
    """Write a figure as it must be displayed."""
    if value is None:
        return DASH
    style = _FORMATS[kpi]
    if style == "seconds":
        return f"{rounded(value, 0)}s"
    if style == "dollars":
        cents = rounded(value, 2)
        return f"{'-' if cents < 0 else ''}${abs(cents):,.2f}"
    if style == "percent":
        return f"{rounded(value * 100, 2):.2f}%"
    return f"{value:,}" if style == "I" else f"{rounded(value, int(style)):.{style}f}"


def rounded(value: Decimal | int, places: int) -> Decimal:
    """Round half away from zero, never to minus zero."""
    return Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + 0


def call(tx: Transaction, function: str, day: date, as_of: datetime) -> list[dict[str, Any]]:
    """Return the rows of a function of a day, as of an instant."""
    return tx.rows(
        f"SELECT * FROM utils_statistics.{function}("  # noqa: S608 (a function of ours)
        "CAST(:day AS date), CAST(:as_of AS timestamptz))",
        day=day,
        as_of=as_of,
    )


_FORMATS = {
    "Signals scanned": "I",
    "Opportunities flagged": "I",
    "Notifications sent": "I",
    "Entries opened": "I",
    "Exits closed": "I",
    "Avg hold time": "seconds",
    "Daily PnL": "dollars",
    "Win rate": "percent",
    "Max drawdown": "percent",
    "Sharpe ratio": "2",
    "Delta": "4",
    "Gamma": "6",
    "Theta": "4",
    "Vega": "4",
    "Rho": "4",
    "Historical Volatility": "4",
    "Uncertainty": "4",
    "Fair Market Price": "dollars",
    "IV Skew": "4",
    "Decay Rate": "6",
    "Gamma Exposure": "6",
    "Volume Ratio": "4",
    "OI Ratio": "4",
    "Liquidity Ratios": "4",
    "Decay Weight": "4",
    "Portfolio": "0",
}
