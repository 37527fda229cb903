"""The dashboard's tables (docs/snapshot.md), in SQLite as on the other side."""

import itertools
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.dashboard.payload import Statement, clearing, inserting

_BATCH = 200
_SCHEMA = """
CREATE TABLE IF NOT EXISTS metrics_daily (
    date TEXT PRIMARY KEY, updated_at TEXT NOT NULL, headline TEXT NOT NULL,
    summary TEXT NOT NULL, rows_json TEXT NOT NULL, overlay_json TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS metrics_kpi_values (
    date TEXT NOT NULL, kpi TEXT NOT NULL, value_text TEXT NOT NULL, value_num REAL,
    value_kind TEXT NOT NULL DEFAULT 'text' CHECK (value_kind IN ('number', 'percent', 'text')),
    PRIMARY KEY (date, kpi)
);
CREATE TABLE IF NOT EXISTS metrics_series_points (
    date TEXT NOT NULL, kpi TEXT NOT NULL, t TEXT NOT NULL, v REAL NOT NULL, src TEXT,
    PRIMARY KEY (date, kpi, t)
);
CREATE TABLE IF NOT EXISTS metrics_extremes_items (
    date TEXT NOT NULL, kpi TEXT NOT NULL, side TEXT NOT NULL CHECK (side IN ('hi', 'lo')),
    rank INTEGER NOT NULL,
    trade_id INTEGER, symbol TEXT, contract_name TEXT, metric_raw REAL, metric_abs REAL,
    individual_pnl REAL, abs_individual_pnl REAL, percent_change REAL, cost_basis REAL, qty REAL,
    bid_price REAL, ask_price REAL, mid_price REAL, mid_ts TEXT, mid_mark_pnl REAL,
    liquidity_drag REAL, item_json TEXT NOT NULL,
    PRIMARY KEY (date, kpi, side, rank, contract_name, trade_id)
);
CREATE TABLE IF NOT EXISTS metrics_portfolio_assets (
    date TEXT NOT NULL, trade_id INTEGER NOT NULL, symbol TEXT, contract_name TEXT NOT NULL,
    PRIMARY KEY (date, trade_id, contract_name)
);
"""


@dataclass(frozen=True)
class StoredDay:
    """What is stored of one day; the counts tell a whole day from a half-empty one."""

    date: str
    updated_at: str
    headline: str
    summary: str
    kpis: Mapping[str, str]
    series_points: int
    extremes_items: int
    portfolio_assets: int


class DashboardTables:
    """Safe to share between threads, one batch at a time: posts of one day can mix."""

    def __init__(self, database: Path | None) -> None:
        self._db = sqlite3.connect(database or ":memory:", check_same_thread=False)
        self._lock = threading.Lock()
        self._db.executescript(_SCHEMA)

    def replace(self, snapshot: dict[str, Any]) -> None:
        """Clear a normalized snapshot's day and insert it anew, *not* in one transaction.

        A duplicate raises sqlite3.IntegrityError and leaves what went before: the archive row and
        the first batches.
        """
        self.run(clearing(snapshot))
        statements = inserting(snapshot)
        while batch := list(itertools.islice(statements, _BATCH)):
            self.run(batch)

    def run(self, statements: Iterable[Statement]) -> list[int]:
        """Execute one batch, all of it or nothing; return how many rows each one changed."""
        with self._lock, self._db:
            return [self._db.execute(sql, values).rowcount for sql, values in statements]

    def day(self, date: str) -> StoredDay | None:
        """Return what is stored of a day, or None."""
        found = self.select(
            "SELECT updated_at, headline, summary FROM metrics_daily WHERE date = ?", date
        )
        if not found:
            return None
        updated_at, headline, summary = (column or "" for column in found[0])
        kpis = self.select(
            "SELECT kpi, value_text FROM metrics_kpi_values WHERE date = ? ORDER BY rowid", date
        )
        return StoredDay(
            date,
            updated_at,
            headline,
            summary,
            kpis=dict(kpis),
            series_points=self._count("metrics_series_points", date),
            extremes_items=self._count("metrics_extremes_items", date),
            portfolio_assets=self._count("metrics_portfolio_assets", date),
        )

    def latest(self) -> StoredDay | None:
        """Return the latest day, or None when nothing was posted yet."""
        [(date,)] = self.select("SELECT max(date) FROM metrics_daily")
        return self.day(date) if date else None

    def series(self, date: str) -> dict[str, list[float]]:
        """Return the values of each KPI's series, in the order of time."""
        query = "SELECT kpi, v FROM metrics_series_points WHERE date = ? ORDER BY kpi, t"
        by_kpi = itertools.groupby(self.select(query, date), key=lambda row: row[0])
        return {kpi: [v for _, v in points if isinstance(v, int | float)] for kpi, points in by_kpi}

    def extremes(self, date: str) -> dict[str, list[tuple[str, float]]]:
        """Return each KPI's contracts with their metric, from the highest to the lowest."""
        query = (
            "SELECT kpi, contract_name, metric_raw FROM metrics_extremes_items WHERE date = ?"
            " AND metric_raw IS NOT NULL ORDER BY kpi, metric_raw DESC"
        )
        by_kpi = itertools.groupby(self.select(query, date), key=lambda row: row[0])
        return {kpi: [(name, float(v)) for _, name, v in items] for kpi, items in by_kpi}

    def select(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, for tests that look closer."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _count(self, table: str, date: str) -> int:
        [(count,)] = self.select(f"SELECT count(*) FROM {table} WHERE date = ?", date)
        return int(count)
