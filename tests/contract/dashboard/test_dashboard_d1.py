"""The fallback: the same rows straight into the dashboard's database, all tables or none."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import flask
import httpx
import pytest

from common.errors import PermanentError, TransientError
from common.snapshot import DailySnapshot, assemble
from common.snapshot.catalog import CATALOG
from infra.dashboard.d1 import D1
from infra.local.dashboard.d1 import LocalD1
from infra.local.dashboard.payload import DERIVED_TABLES
from infra.local.dashboard.receiver import DashboardReceiver
from infra.local.serving import HttpServer
from tests.contract.dashboard.dashboard_support import DATE, SECRET, TOKEN, counts, post
from tests.snapshot_day import AT, DAY, FIGURES, contract, full_day

TABLES = ("metrics_daily", *DERIVED_TABLES)
ACCOUNT, DATABASE, API_TOKEN = "0a1b2c", "3f2c-77", "cloudflare-token"


@pytest.fixture
def dashboard() -> Iterator[DashboardReceiver]:
    receiver = DashboardReceiver(None, TOKEN, SECRET)
    yield receiver
    receiver.close()


@pytest.fixture
def database(dashboard: DashboardReceiver) -> LocalD1:
    """D1 over the very tables that the dashboard shows."""
    return LocalD1(dashboard.tables, ACCOUNT, DATABASE, API_TOKEN)


@pytest.fixture
def url(database: LocalD1) -> Iterator[str]:
    with HttpServer(database.app) as server:
        yield server.url


@contextmanager
def client(url: str, *, database_id: str = DATABASE, token: str = API_TOKEN) -> Iterator[D1]:
    made = D1(url, ACCOUNT, database_id, token, attempts=3, longest_wait_seconds=0.01)
    with closing(made) as d1:
        yield d1


@pytest.fixture
def d1(url: str) -> Iterator[D1]:
    with client(url) as made:
        yield made


def snapshot(points: int = 96, contracts: int = 13, assets: int = 14) -> DailySnapshot:
    return assemble(DAY, AT, full_day(points, contracts, assets))


def stored(dashboard: DashboardReceiver) -> dict[str, list[Any]]:
    """Everything in all tables, JSON by its content and not by its spelling."""
    return {table: sorted(rows_of(dashboard, table), key=repr) for table in TABLES}


def rows_of(dashboard: DashboardReceiver, table: str) -> Iterator[tuple[object, ...]]:
    for row in dashboard.tables.select(f"SELECT * FROM {table}"):  # noqa: S608 (of our own list)
        yield tuple(map(_content, row))


def _content(value: object) -> object:
    if isinstance(value, str) and value[:1] in "[{":
        return json.dumps(json.loads(value), sort_keys=True)
    return value


def test_d1_holds_the_very_rows_that_the_api_would_have_stored(
    dashboard: DashboardReceiver, d1: D1
) -> None:
    whole = snapshot()
    assert post(dashboard, whole.to_body()).status_code == 200
    by_the_api = stored(dashboard)
    dashboard.tables.run((f"DELETE FROM {table}", ()) for table in TABLES)  # noqa: S608 (as above)
    assert dashboard.day(DATE) is None

    d1.store(whole)

    assert stored(dashboard) == by_the_api
    assert counts(dashboard) == (26, 26 * 96, 18 * 13, 14)


def test_numbers_are_stored_by_kind(dashboard: DashboardReceiver, d1: D1) -> None:
    shown = {"Signals scanned": "47,324", "Win rate": "72.30%", "Daily PnL": "-$1.50"}
    d1.store(assemble(DAY, AT, replace(full_day(), figures=FIGURES | shown)))

    rows = dashboard.tables.select(
        "SELECT kpi, value_text, value_num, value_kind FROM metrics_kpi_values"
    )

    by_kpi = {kpi: tuple(rest) for kpi, *rest in rows}
    assert list(by_kpi) == list(CATALOG)
    assert by_kpi["Signals scanned"] == ("47,324", 47_324, "number")
    assert by_kpi["Win rate"] == ("72.30%", 72.3, "percent")
    assert by_kpi["Daily PnL"] == ("-$1.50", None, "text")


def test_storing_again_replaces_the_day_and_no_other(dashboard: DashboardReceiver, d1: D1) -> None:
    other = snapshot().model_copy(update={"date": DAY.replace(day=9)})
    d1.store(other)
    d1.store(snapshot())

    d1.store(snapshot(points=3, contracts=2, assets=1))

    assert counts(dashboard) == (26, 26 * 3, 18 * 2, 1)
    yesterday = dashboard.day("2026-02-09")
    assert yesterday is not None
    assert yesterday.series_points == 26 * 96


def test_the_api_supersedes_what_d1_holds(dashboard: DashboardReceiver, d1: D1) -> None:
    d1.store(snapshot())

    response = post(dashboard, snapshot(points=5).to_body())

    assert response.status_code == 200
    assert counts(dashboard)[1] == 26 * 5


def test_the_largest_day_is_within_every_limit_of_d1(dashboard: DashboardReceiver, d1: D1) -> None:
    largest = snapshot(points=330, contracts=20, assets=300)
    assert 900_000 < len(largest.to_body()) < 1_000_000

    d1.store(largest)

    assert counts(dashboard) == (26, 26 * 330, 18 * 20, 300)


def test_a_row_that_d1_refuses_leaves_the_whole_old_day(
    dashboard: DashboardReceiver, d1: D1
) -> None:
    d1.store(snapshot())
    before = stored(dashboard)
    whole = snapshot(points=5)
    overlay = whole.overlay.model_copy(
        update={"portfolio_assets": whole.overlay.portfolio_assets * 2}
    )

    with pytest.raises(PermanentError, match=r"D1 answered 400.*UNIQUE constraint failed"):
        d1.store(whole.model_copy(update={"overlay": overlay}))

    assert stored(dashboard) == before


def test_texts_are_stored_as_they_are(dashboard: DashboardReceiver, d1: D1) -> None:
    name = """O'Neil "größer" \\ ✓"""
    day = replace(full_day(), extremes={("Delta", "hi"): [contract(1, symbol=name, qty=None)]})

    d1.store(assemble(DAY, AT, day))

    [(symbol, qty, item)] = dashboard.tables.select(
        "SELECT symbol, qty, item_json FROM metrics_extremes_items"
    )
    assert (symbol, qty) == (name, None)
    assert json.loads(item)["symbol"] == name
    assert json.loads(item, parse_float=Decimal)["mid_price"] == Decimal("89.75")


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_trouble_that_passes_is_survived(
    dashboard: DashboardReceiver, database: LocalD1, d1: D1, status: int
) -> None:
    database.fail_next(status, times=2)

    d1.store(snapshot())

    assert database.answered == [status, status, 200]
    assert dashboard.day(DATE) is not None


def test_trouble_that_stays_is_transient(
    dashboard: DashboardReceiver, database: LocalD1, d1: D1
) -> None:
    database.fail_next(503, times=9)

    with pytest.raises(TransientError, match="D1 answered 503"):
        d1.store(snapshot())

    assert database.answered == [503] * 3
    assert dashboard.day(DATE) is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"token": "other"}, "D1 answered 401"), ({"database_id": "other"}, "D1 answered 404")],
)
def test_wrong_credentials_are_permanent_and_quoted_nowhere(
    database: LocalD1, url: str, wrong: dict[str, str], says: str
) -> None:
    with client(url, **wrong) as d1, pytest.raises(PermanentError, match=says) as refused:
        d1.store(snapshot())

    assert len(database.answered) == 1
    assert API_TOKEN not in str(refused.value)


def test_a_success_status_with_an_error_in_its_body_is_a_failure() -> None:
    for body in (
        '{"success": false, "errors": [{"message": "D1_ERROR"}]}',
        "<html>ok</html>",
        "[]",
    ):
        app = flask.Flask(__name__)
        app.add_url_rule("/<path:_>", "it", lambda _, text=body: text, methods=["POST"])
        with HttpServer(app) as server, client(server.url) as d1, pytest.raises(PermanentError):
            d1.store(snapshot(points=1))


def test_the_double_refuses_what_d1_refuses(url: str) -> None:
    path = f"{url}/accounts/{ACCOUNT}/d1/database/{DATABASE}/query"
    headers = {"Authorization": f"Bearer {API_TOKEN}"}

    for sql, params, says in (
        ("SELECT ?1" + " " * 100_000, ["1"], "statement too long"),
        ("SELECT ?1", ["1"] * 101, "too many SQL variables"),
        ("SELECT ?1", ["x" * 1_000_001], "too big"),
        ("SELECT ?1", [1], "must be strings"),
        ("SELEC", [], "syntax error"),
    ):
        reply = httpx.post(path, json={"sql": sql, "params": params}, headers=headers)
        assert reply.status_code == 400
        assert reply.json()["success"] is False
        assert says in reply.json()["errors"][0]["message"]
