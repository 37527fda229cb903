"""How figures are written: docs/kpis.md."""

import re
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common.snapshot.catalog import CATALOG
from infra.postgres.database import Database
from tests.conftest import rows
from tests.kpis.recomputed import shown

COUNT = r"\d{1,3}(,\d{3})*"
SHAPES = {
    "count": COUNT,
    "seconds": r"\d+s",
    "dollars": rf"-?\${COUNT}\.\d\d",
    "percent": r"\d+\.\d\d%",
    "2 places": r"-?\d+\.\d\d",
    "4 places": r"-?\d+\.\d{4}",
    "6 places": r"-?\d+\.\d{6}",
    "whole": r"\d+",
}
numbers = st.decimals(-(10**9), 10**9, places=9)


def formats(db: Database) -> dict[str, str]:
    found = rows(db, "SELECT * FROM utils_statistics.kpi_catalog() ORDER BY sort_order")
    assert [row["sort_order"] for row in found] == list(range(1, 27))
    return {row["kpi_name"]: row["format"] for row in found}


def test_the_database_and_the_code_name_the_same_kpis(db: Database) -> None:
    assert tuple(formats(db)) == CATALOG


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=numbers)
@example(Decimal("-0.004"))
@example(Decimal("-0.00004"))
@example(Decimal("-0.0000004"))
@example(Decimal("0.005"))
@example(Decimal("-1457.985"))
@example(Decimal("999999.9995"))
def test_every_number_has_its_kpis_shape(db: Database, value: Decimal) -> None:
    found = rows(
        db,
        """
        SELECT kpi_name, format, n, utils_statistics.display(n, format) AS text
        FROM utils_statistics.kpi_catalog(),
             LATERAL (SELECT CASE WHEN format IN ('count', 'whole')
                                  THEN trunc(abs(CAST(:value AS numeric)))
                                  WHEN format IN ('seconds', 'percent')
                                  THEN abs(CAST(:value AS numeric))
                                  ELSE CAST(:value AS numeric) END AS n) AS given
        """,
        value=value,
    )
    for row in found:
        number = int(row["n"]) if row["format"] in {"count", "whole"} else row["n"]
        assert re.fullmatch(SHAPES[row["format"]], row["text"])
        assert row["text"] == shown(row["kpi_name"], number)


@pytest.mark.parametrize("style", SHAPES)
def test_a_missing_figure_is_a_dash(db: Database, style: str) -> None:
    assert rows(db, "SELECT utils_statistics.display(NULL, :style) AS text", style=style) == [
        {"text": "—"}
    ]


def test_a_day_without_anything_counts_zero_and_dashes_the_rest(db: Database) -> None:
    found = rows(
        db,
        "SELECT kpi_name, display_value FROM utils_statistics.daily_trade_kpis("
        "'2026-02-10', '2026-02-11 00:00Z')",
    )

    written = {row["kpi_name"]: row["display_value"] for row in found}
    counted = dict.fromkeys((*CATALOG[:5], "Portfolio"), "0") | {"Daily PnL": "$0.00"}
    assert written == {kpi: counted.get(kpi, "—") for kpi in CATALOG}
