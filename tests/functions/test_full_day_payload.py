"""The payload of a generated full day: complete, of the reference's shape, and true to itself."""

import copy
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from common.kpis import CATALOG, EXTREMES
from infra.local.postgres import create_database
from infra.postgres.database import Database, connector
from infra.postgres.kpis import Views
from infra.snapshot_build import Built, build
from tests.conftest import SHARED
from tests.kpis import full_day
from tests.shapes import shape

REFERENCE = SHARED / "reference" / "trades-2026-02-10.json"
FOUR_PLACES, SIX_PLACES = r"-?\d+\.\d{4}", r"-?\d+\.\d{6}"
COUNT, DOLLARS = r"\d{1,3}(,\d{3})*", r"-?\$\d{1,3}(,\d{3})*\.\d\d"
FORMATS = dict.fromkeys(CATALOG, FOUR_PLACES) | {
    **dict.fromkeys(CATALOG[:5], COUNT),
    "Avg hold time": r"\d+s",
    "Daily PnL": DOLLARS,
    "Win rate": r"\d+\.\d\d%",
    "Max drawdown": r"\d+\.\d\d%",
    "Sharpe ratio": r"-?\d+\.\d\d",
    "Gamma": SIX_PLACES,
    "Fair Market Price": DOLLARS,
    "Decay Rate": SIX_PLACES,
    "Gamma Exposure": SIX_PLACES,
    "Portfolio": r"\d+",
}
INSTANT = r"2015-12-2[45]T\d\d:\d[05]:00\.000Z"


@pytest.fixture(scope="module")
def built(postgres: str) -> Iterator[Built]:
    """The day as it is pushed when it is over; built once, nobody changes it."""
    create_database(postgres, "full_day_payload", template="template")
    database = Database(connector(postgres.replace("/countersign?", "/full_day_payload?")))
    full_day.fill(database)
    with database.transaction() as tx:
        yield build(tx, Views(), full_day.DAY, full_day.OVER)
    database.close()


@pytest.fixture(scope="module")
def body(built: Built) -> Any:
    return json.loads(built.body)


def items(body: Any) -> Iterator[dict[str, Any]]:
    for sides in body["overlay"]["extremes"]["byKpi"].values():
        yield from sides["items"]


def test_nothing_is_missing(built: Built, body: Any) -> None:
    assert built.missing.to_json() == {"kpis": {}, "series": {}, "extremes": {}}
    assert [row["kpi"] for row in body["rows"]] == list(CATALOG)
    assert list(body["overlay"]["seriesByKpi"]) == list(CATALOG)
    assert list(body["overlay"]["extremes"]["byKpi"]) == list(EXTREMES)


@pytest.mark.parametrize("kpi", CATALOG)
def test_a_value_is_displayed_in_its_format(body: Any, kpi: str) -> None:
    (value,) = (row["value"] for row in body["rows"] if row["kpi"] == kpi)

    assert re.fullmatch(FORMATS[kpi], value)


def test_the_portfolio_counts_its_assets(body: Any) -> None:
    (value,) = (row["value"] for row in body["rows"] if row["kpi"] == "Portfolio")

    assert int(value) == len(body["overlay"]["portfolioAssets"]) > 0


@pytest.mark.parametrize("kpi", CATALOG)
def test_a_series_is_sorted_spelled_alike_and_real(body: Any, kpi: str) -> None:
    points = body["overlay"]["seriesByKpi"][kpi]
    instants = [point["t"] for point in points]

    assert instants == sorted(set(instants))
    assert all(re.fullmatch(INSTANT, instant) for instant in instants)
    assert {point["src"] for point in points} == {"real"}


@pytest.mark.parametrize("kpi", EXTREMES)
def test_extremes_stand_in_their_order_and_halves(body: Any, kpi: str) -> None:
    sides = body["overlay"]["extremes"]["byKpi"][kpi]
    high, low = ([item["metric_raw"] for item in sides[side]] for side in ("hi", "lo"))

    assert high == sorted(high, reverse=True)
    assert low == sorted(low)
    assert 0 <= len(high) - len(low) <= 1
    assert 1 <= len(high) <= 10
    assert low == [] or low[-1] <= high[-1]
    for side in ("hi", "lo"):
        places = [(item["kpi"], item["side"], item["rank"]) for item in sides[side]]
        assert places == [(kpi, side, rank) for rank in range(1, len(places) + 1)]


def test_no_key_stands_twice(body: Any) -> None:
    assets = [(a["trade_id"], a["contract_name"]) for a in body["overlay"]["portfolioAssets"]]
    listed = [(i["kpi"], i["side"], i["rank"], i["contract_name"]) for i in items(body)]

    assert len(assets) == len(set(assets))
    assert len(listed) == len(set(listed))


def test_a_contract_without_a_position_has_zeros(body: Any) -> None:
    unheld = [item for item in items(body) if not item["qty"]]

    assert unheld
    for item in unheld:
        assert item["cost_basis"] == item["individual_pnl"] == item["broker_avg_entry_price"] == 0


def test_the_identities_hold_on_every_item(body: Any) -> None:
    held = [item for item in items(body) if item["qty"] and item["bid_price"] is not None]

    assert held
    for item in held:
        drag = item["individual_pnl"] - item["mid_mark_pnl"]
        middle = (item["bid_price"] + item["ask_price"]) / 2
        assert item["liquidity_drag"] == pytest.approx(drag, abs=1e-6)
        assert item["mid_price"] == pytest.approx(middle)
        assert item["metric_abs"] == abs(item["metric_raw"])
        assert item["broker_market_value"] == pytest.approx(
            item["cost_basis"] + item["individual_pnl"]
        )


def test_keys_and_types_are_the_references(body: Any) -> None:
    if not REFERENCE.exists():
        pytest.skip("the reference snapshot does not lie beside this checkout")
    reference, ours = json.loads(REFERENCE.read_text()), copy.deepcopy(body)
    for sides in ours["overlay"]["extremes"]["byKpi"].values():
        for item in itertools.chain(*sides.values()):
            if item["mid_price"] is None:  # nobody quotes it: the reference has no such contract
                item.update(bid_price=0, ask_price=0, mid_price=0, mid_ts="")

    assert shape(ours) == shape(reference)
