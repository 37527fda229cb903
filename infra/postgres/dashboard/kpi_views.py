"""What must hold of the KPI views, whatever their names: each shortcoming is one line."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import pg8000.dbapi
from pydantic import ValidationError

from common.errors import PermanentError
from infra.postgres.database import Transaction

# Columns of each view that every row of a report date has a value in, and those that may be NULL.
_REQUIRED = {
    "kpis": ("kpi_name", "display_value", "sort_order"),
    "series": ("kpi_name", "ts", "source"),
    "extremes": (
        *("kpi_name", "side", "rank", "trade_id", "symbol", "contract_name"),
        *("metric_raw", "metric_abs"),
    ),
    "portfolio": ("trade_id", "symbol", "contract_name"),
}
_OPTIONAL = {
    "series": ("value",),
    "extremes": (
        *("individual_pnl", "abs_individual_pnl", "percent_change", "cost_basis", "qty"),
        *("bid_price", "ask_price", "mid_price", "mid_ts", "mid_mark_pnl", "liquidity_drag"),
    ),
}
_KINDS = {"r": "table", "p": "table", "v": "view that is not materialized", "f": "foreign table"}


class KpiViewError(PermanentError):
    """A KPI view is not as a snapshot needs it; the message names the view."""


@dataclass(frozen=True)
class Views:
    """Names of the materialized views, as the settings give them."""

    kpis: str = "utils_statistics.daily_trade_kpis_mv"
    series: str = "utils_statistics.daily_trade_series_mv"
    extremes: str = "utils_statistics.daily_trade_extremes_mv"
    portfolio: str = "utils_statistics.daily_trade_portfolio_mv"

    def all(self) -> tuple[str, ...]:
        """Return the four of them."""
        return tuple(vars(self).values())


def shortcomings(tx: Transaction, views: Views) -> list[str]:
    """Say what keeps the views from being refreshed and read; empty when nothing does."""
    return [line for role, view in vars(views).items() for line in _shortcomings(tx, role, view)]


def check(tx: Transaction, views: Views) -> None:
    """Raise KpiViewError when a view cannot be refreshed and read."""
    found = shortcomings(tx, views)
    if found:
        raise KpiViewError("; ".join(found))


def check_rows(tx: Transaction, views: Views, report_date: date) -> None:
    """Raise KpiViewError when a row of a report date has NULL where none may be."""
    found = [
        f"{view}: {column} is NULL in {count} of the rows of {report_date}"
        for role, view in vars(views).items()
        for column, count in _nulls(tx, view, _REQUIRED[role], report_date).items()
        if count
    ]
    if found:
        raise KpiViewError("; ".join(found))


@contextmanager
def named(view: str) -> Iterator[None]:
    """Name the view in whatever Postgres or a row's form has against it."""
    try:
        yield
    except pg8000.dbapi.DatabaseError as error:
        raise KpiViewError(f"{view}: {_message(error)}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
        raise KpiViewError(f"{view}: {place}: {first['msg']}") from error


def _shortcomings(tx: Transaction, role: str, view: str) -> Iterator[str]:
    found = tx.row(
        """
        SELECT c.relkind::text AS kind, c.relispopulated AS populated,
               EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique
                       AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL) AS has_key,
               ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid
                     AND a.attnum > 0 AND NOT a.attisdropped) AS columns
        FROM pg_class c WHERE c.oid = to_regclass(:view)
        """,
        view=view,
    )
    if found is None:
        yield f"{view}: there is no such view"
    elif found["kind"] != "m":
        yield f"{view}: is a {_KINDS.get(found['kind'], 'relation')}, no materialized view"
    else:
        yield from _defects(view, role, found)


def _defects(view: str, role: str, found: dict[str, Any]) -> Iterator[str]:
    if not found["populated"]:
        yield f"{view}: was never populated: REFRESH MATERIALIZED VIEW {view}"
    if not found["has_key"]:
        yield f"{view}: has no unique index over plain columns, which a refresh needs"
    wanted = ("report_date", *_REQUIRED[role], *_OPTIONAL.get(role, ()))
    missing = [column for column in wanted if column not in found["columns"]]
    if missing:
        yield f"{view}: lacks {', '.join(missing)}"


def _nulls(tx: Transaction, view: str, columns: Iterable[str], report_date: date) -> dict[str, int]:
    counts = ", ".join(f"count(*) FILTER (WHERE {name} IS NULL) AS {name}" for name in columns)
    (row,) = tx.rows(f"SELECT {counts} FROM {view} WHERE report_date = :day", day=report_date)
    return row


def _message(error: pg8000.dbapi.DatabaseError) -> str:
    """Return what Postgres said, without the parts that are not for people."""
    args: Sequence[Any] = error.args
    detail = args[0] if args and isinstance(args[0], dict) else {}
    return " ".join(filter(None, (detail.get("M"), detail.get("D")))) or str(error)
