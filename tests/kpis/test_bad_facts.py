"""A fact that should not be there costs what is made of it, and not the day."""

import json

import pytest

from common.snapshot.catalog import CATALOG, DASH
from infra.postgres.dashboard.kpi_views import Views
from infra.postgres.database import Database
from infra.workflows.kpis.snapshot import build
from tests.kpis import full_day

LAST_TRADE = """
    UPDATE market_data_snapshots SET price = CAST(:bad AS numeric) WHERE id =
        (SELECT max(id) FROM market_data_snapshots WHERE symbol = 'IBM' AND metric = 'last_trade')
"""
QUOTES = "UPDATE position_quotes SET ask = CAST(:bad AS numeric) WHERE symbol = 'IBM'"
DELTA = """
    UPDATE option_snapshots SET delta = CAST(:bad AS numeric)
    WHERE id = (SELECT max(id) FROM option_snapshots)
"""


@pytest.mark.parametrize("statement", [LAST_TRADE, QUOTES, DELTA], ids=["price", "quote", "delta"])
@pytest.mark.parametrize("bad", ["NaN", "Infinity", "1e300"])
def test_the_rest_of_the_day_is_pushed(db: Database, bad: str, statement: str) -> None:
    full_day.fill(db, contracts=8)
    with db.transaction() as tx:
        assert tx.run(statement, bad=bad)

    with db.transaction() as tx:
        built = build(tx, Views(), full_day.DAY, full_day.OVER)

    body = json.loads(built.body)
    values = {row["kpi"]: row["value"] for row in body["rows"]}
    assert list(values) == list(CATALOG)
    assert not any("NaN" in value or "Infinity" in value for value in values.values())
    assert sum(value == DASH for value in values.values()) <= 2
    assert len(body["overlay"]["seriesByKpi"]["Portfolio"]) == 96
