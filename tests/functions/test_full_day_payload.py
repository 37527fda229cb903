"""The payload of a generated full day: complete, of the reference's shape, and true to itself."""

import copy
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.snapshot.catalog import CATALOG, EXTREMES
from infra.local.postgres import create_database
from infra.postgres.dashboard.kpi_views import Views
from infra.postgres.database import Database, connector
from infra.workflows.kpis.snapshot import Built, build
from tests.conftest import SHARED
from tests.kpis import full_day
from tests.shapes import SNAPSHOT, shape

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


@pytest.fixture(params=["ours", "the reference"])
def payload(request: pytest.FixtureRequest, body: Any) -> Any:
    if request.param == "ours":
        return body
    if not REFERENCE.exists():
        pytest.skip("the reference snapshot does not lie beside this checkout")
    return json.loads(REFERENCE.read_text())


def held_qty(item: dict[str, Any]) -> float:
    """Shares that an item stands for, short ones negative; the reference gives them no sign."""
    each = 1 if item["contract_name"] == item["symbol"] else 100
    return math.copysign(item["qty"], item["cost_basis"]) * each


IDENTITIES: dict[str, Callable[[dict[str, Any]], tuple[float, float]]] = {
    "mid_price": lambda i: (i["mid_price"], (i["bid_price"] + i["ask_price"]) / 2),
    "metric_abs": lambda i: (i["metric_abs"], abs(i["metric_raw"])),
    "abs_individual_pnl": lambda i: (i["abs_individual_pnl"], abs(i["individual_pnl"])),
    "cost_basis": lambda i: (i["cost_basis"], i["broker_avg_entry_price"] * held_qty(i)),
    "mid_mark_pnl": lambda i: (i["mid_mark_pnl"], i["mid_price"] * held_qty(i) - i["cost_basis"]),
    "liquidity_drag": lambda i: (i["liquidity_drag"], i["individual_pnl"] - i["mid_mark_pnl"]),
    "percent_change": lambda i: (
        i["percent_change"],
        100 * i["individual_pnl"] / abs(i["cost_basis"]),
    ),
    "market value": lambda i: (i["broker_market_value"], i["cost_basis"] + i["individual_pnl"]),
    "unrealized": lambda i: (i["broker_unrealized_pl"], i["individual_pnl"]),
    "unrealized share": lambda i: (100 * i["broker_unrealized_plpc"], i["percent_change"]),
}


@pytest.mark.parametrize("identity", IDENTITIES)
def test_an_identity_holds_on_all_items_of_ours_and_on_99_percent_of_the_references(
    body: Any, payload: Any, identity: str
) -> None:
    held = [item for item in items(payload) if item["qty"] and item["bid_price"] is not None]
    pairs = [IDENTITIES[identity](item) for item in held]

    # Cents and hundredths of a percent are rounded there; ours has more places.
    tolerance = 0.002 if payload is body else 0.011
    kept = sum(one == pytest.approx(other, abs=tolerance) for one, other in pairs)

    assert len(pairs) > 30
    assert kept == len(pairs) or (payload is not body and kept / len(pairs) > 0.985)


def test_liquidity_is_the_mean_of_its_two_ratios_on_every_row(payload: Any) -> None:
    overlay = payload["overlay"]
    volume, interest, liquidity = (
        {point["t"]: point["v"] for point in overlay["seriesByKpi"][kpi]}
        for kpi in ("Volume Ratio", "OI Ratio", "Liquidity Ratios")
    )
    shared = volume.keys() & interest.keys() & liquidity.keys()

    assert len(shared) > 15
    for at in shared:
        assert liquidity[at] == pytest.approx((volume[at] + interest[at]) / 2, abs=1e-7)


def test_keys_and_types_are_those_that_the_dashboard_reads(body: Any) -> None:
    ours = copy.deepcopy(body)
    for sides in ours["overlay"]["extremes"]["byKpi"].values():
        for item in itertools.chain(*sides.values()):
            if item["mid_price"] is None:  # nobody quotes it: the reference has no such contract
                item.update(bid_price=0, ask_price=0, mid_price=0, mid_ts="")

    assert shape(ours) == SNAPSHOT
