"""The payload as the page reads it, for a day without options, a half day and a whole session."""

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from common.market import NEW_YORK
from common.snapshot.catalog import CATALOG, EXTREMES
from infra.local.postgres import create_database
from infra.postgres.dashboard.kpi_views import Views
from infra.postgres.database import Database, connector
from infra.workflows.kpis.snapshot import build
from tests.functions.dashboard_page import contracts_shown
from tests.functions.pushes import Dashboard, push, running_dashboard, scan
from tests.functions.steps import approved, submit
from tests.kpis import full_day
from tests.kpis.source_rows import Execution, SourceRows

POSITIONS = {
    "Daily PnL",
    "Liquidity Drag",
    "Mid Mark PnL",
    "Percent Change",
    "Unrealized P/L",
}


@pytest.fixture
def sites(environment: pytest.MonkeyPatch) -> Iterator[Dashboard]:
    with running_dashboard(environment, d1=True) as sites:
        yield sites


def assert_every_key(body: dict[str, Any]) -> None:
    assert [row["kpi"] for row in body["rows"]] == list(CATALOG)
    assert list(body["overlay"]["seriesByKpi"]) == list(CATALOG)
    assert list(body["overlay"]["extremes"]["byKpi"]) == list(EXTREMES)
    for kpi, sides in body["overlay"]["extremes"]["byKpi"].items():
        assert sides.keys() == {"hi", "lo", "items"}
        assert contracts_shown(body, kpi) == [i["contract_name"] for i in sides["items"]]


def held_stock(day: date, opens: time, closes: time, database: Database) -> dict[str, Any]:
    """A day on which a stock was bought and no option was scanned, as the late push finds it."""
    opened, closed = (datetime.combine(day, at, NEW_YORK) for at in (opens, closes))
    source = SourceRows()
    source.session(day, opened, closed)
    source.fact("IBM", "prev_close", Decimal(137), opened)
    source.fact("IBM", "last_trade", Decimal(140), closed)
    source.trade("IBM", [Execution(opened, Decimal(2), Decimal(138))])
    with database.transaction() as tx:
        source.save(tx)
    over = datetime.combine(day, time(23, 30), NEW_YORK)
    with database.transaction() as tx:
        body: dict[str, Any] = json.loads(build(tx, Views(), day, over).body)
    return body


@pytest.mark.parametrize("closes", [time(13), time(16)], ids=["half day", "full day"])
def test_a_stocks_profit_is_under_no_option_kpi(db: Database, closes: time) -> None:
    body = held_stock(date(2015, 12, 24), time(9, 30), closes, db)

    assert_every_key(body)
    assert contracts_shown(body, "Daily PnL") == ["IBM"]
    for kpi in set(EXTREMES) - POSITIONS:
        assert contracts_shown(body, kpi) == []


def test_the_late_push_completes_the_points_of_a_day(db: Database) -> None:
    body = held_stock(date(2015, 12, 24), time(9, 30), time(13), db)

    points = body["overlay"]["seriesByKpi"]["Portfolio"]

    assert len(points) == 96
    assert points[-1]["t"] == "2015-12-24T23:45:00.000Z"


def test_a_full_day_shows_each_kpis_own_contracts(postgres: str) -> None:
    create_database(postgres, "page_of_a_full_day", template="template")
    database = Database(connector(postgres.replace("/countersign?", "/page_of_a_full_day?")))
    full_day.fill(database, contracts=20)
    with database.transaction() as tx:
        body = json.loads(build(tx, Views(), full_day.DAY, full_day.OVER).body)
    database.close()

    assert_every_key(body)
    assert all(contracts_shown(body, kpi) for kpi in EXTREMES)


@pytest.mark.usefixtures("user")
def test_the_stand_in_shows_no_contract_under_a_kpi_that_has_none(
    db: Database, sites: Dashboard
) -> None:
    scan()
    submit(approved(db))

    assert push().status_code == 200

    [(overlay,)] = sites.api.tables.select("SELECT overlay_json FROM metrics_daily")
    archive = {"overlay": json.loads(overlay)}
    page = sites.api.app.test_client().get("/").text
    for kpi in set(EXTREMES) - POSITIONS:
        assert contracts_shown(archive, kpi) == []
        assert f"{kpi} by contract" not in page
    assert list(archive["overlay"]["extremes"]["byKpi"]) == list(EXTREMES)


def test_the_page_makes_up_for_what_is_left_out() -> None:
    """The reason for the empty lists; without them a stock would be shown under `Delta`."""
    stock = {"hi": [{"contract_name": "IBM"}], "lo": []}
    extremes: dict[str, Any] = {"legacyKpi": "Daily PnL", "byKpi": {"Daily PnL": stock}}
    body = {"overlay": {"extremes": extremes}}

    assert contracts_shown(body, "Delta") == ["IBM"]
    extremes["byKpi"]["Delta"] = {"hi": [], "lo": [], "items": []}
    assert contracts_shown(body, "Delta") == []
