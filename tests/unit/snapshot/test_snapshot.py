"""The payload: the contract's keys and types, each key once, numbers as numbers, size."""

import json
import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.signing import sign_body
from common.snapshot import (
    PortfolioAsset,
    SeriesPoint,
    SnapshotParts,
    SnapshotTooLargeError,
    assemble,
    missing,
    nothing_recorded,
    value_of,
)
from common.snapshot.catalog import CATALOG, DASH, EXTREMES
from tests.conftest import SHARED
from tests.shapes import SNAPSHOT, shape
from tests.snapshot_day import AT, DAY, FIGURES, asset, contract, full_day, point

REFERENCE = SHARED / "reference" / "trades-2026-02-10.json"
EMPTY = SnapshotParts({}, {}, {}, [])


def written(day: SnapshotParts) -> Any:
    return json.loads(assemble(DAY, AT, day).to_body())


def test_the_catalogs_name_26_kpis_and_18_lists_each_once() -> None:
    assert len(CATALOG) == len(set(CATALOG)) == 26
    assert len(EXTREMES) == len(set(EXTREMES)) == 18


def test_headline_and_summary_describe_the_day() -> None:
    body = written(full_day())

    assert body["date"] == "2026-02-10"
    assert body["updated_at"] == "2026-02-10T22:44:07.984Z"
    assert body["headline"] == "Haiphen day trading snapshot (-$1,457.99 on 2026-02-10)"
    assert body["summary"] == (
        "47,324 signals scanned • 10 opportunities flagged • 4 entries opened • 0 exits closed"
        " • -$1,457.99 pnl."
    )


def test_a_missing_figure_leaves_its_part_of_the_summary_out() -> None:
    known = {"Signals scanned": "7", "Opportunities flagged": DASH, "Exits closed": "0"}

    body = written(replace(EMPTY, figures=known))

    assert body["summary"] == "7 signals scanned • 0 exits closed"
    assert body["headline"] == "Haiphen day trading snapshot (— on 2026-02-10)"


def test_all_26_kpis_stand_in_order_and_one_without_a_value_shows_a_dash() -> None:
    backwards = dict(reversed([*FIGURES.items()]))
    del backwards["Delta"]

    rows = written(replace(full_day(), figures=backwards))["rows"]

    assert [row["kpi"] for row in rows] == list(CATALOG)
    assert {row["kpi"]: row["value"] for row in rows} == FIGURES | {"Delta": DASH}


def test_points_are_sorted_and_of_two_at_one_instant_the_later_row_counts() -> None:
    points = [point(15, Decimal(1)), point(0, Decimal(2)), point(15, Decimal(3))]

    series = written(replace(EMPTY, series={"Delta": points}))["overlay"]["seriesByKpi"]

    assert series["Delta"] == [
        {"t": "2026-02-10T00:00:00.000Z", "v": 2, "src": "real"},
        {"t": "2026-02-10T00:15:00.000Z", "v": 3, "src": "real"},
    ]


def test_an_empty_day_has_every_key_with_nothing_behind_it() -> None:
    overlay = written(EMPTY)["overlay"]

    assert overlay["seriesByKpi"] == {kpi: [] for kpi in CATALOG}
    nothing: dict[str, list[object]] = {"hi": [], "lo": [], "items": []}
    assert overlay["extremes"]["byKpi"] == dict.fromkeys(EXTREMES, nothing)


def test_what_is_no_kpi_of_the_catalog_is_left_out() -> None:
    day = SnapshotParts(
        {"Alpha": "1"},
        {"Alpha": [point(0, Decimal(1))], "Delta": []},
        {("Alpha", "hi"): [contract(1)]},
        [],
    )

    body = written(day)

    assert "Alpha" not in json.dumps(body)
    assert body["overlay"] == written(EMPTY)["overlay"]


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-10T00:00:00Z",
        "2026-02-10 00:00:00.000Z",
        "2026-02-10T00:00:00.001Z",
        "2026-02-10T00:00:00.000+00:00",
        "2026-02-10T00:00:00.000Z\n",
    ],
)
def test_an_instant_has_one_spelling(text: str) -> None:
    with pytest.raises(ValidationError):
        SeriesPoint(t=text, v=Decimal(1), src="real")


@pytest.mark.parametrize(
    "value", [math.nan, 0.5, True, "1", None, *map(Decimal, ("NaN", "sNaN", "-Infinity"))]
)
def test_what_is_no_exact_finite_number_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        SeriesPoint(t="2026-02-10T00:00:00.000Z", v=value, src="real")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("890", "890"),
        ("890.000", "890"),
        ("-0.00", "0"),
        ("0.1", "0.1"),
        ("-0.76963291", "-0.76963291"),
        ("123456789012.345", "123456789012.345"),
        ("0.3333333333333333333333", "0.333333333333333"),
        ("1E+3", "1000"),
    ],
)
def test_a_value_is_a_json_number_of_the_digits_it_has(value: str, text: str) -> None:
    day = replace(EMPTY, series={"Delta": [point(0, Decimal(value))]})

    assert f'"v":{text},'.encode() in assemble(DAY, AT, day).to_body()


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=8, min_value=-(10**6), max_value=10**6
    )
)
def test_a_value_survives_the_wire_exactly(value: Decimal) -> None:
    day = replace(EMPTY, series={"Delta": [point(0, value)]})
    body = assemble(DAY, AT, day).to_body()

    read = json.loads(body, parse_float=Decimal, parse_int=Decimal)

    assert read["overlay"]["seriesByKpi"]["Delta"][0]["v"] == value


def test_extremes_have_their_own_day_kpi_side_and_rank() -> None:
    listed = written(full_day(contracts=3))["overlay"]["extremes"]["byKpi"]

    assert list(listed) == list(EXTREMES)
    assert [(i["kpi"], i["side"], i["rank"]) for i in listed["Vega"]["items"]] == [
        ("Vega", "hi", 1),
        ("Vega", "hi", 2),
        ("Vega", "lo", 1),
    ]
    assert listed["Vega"]["items"] == listed["Vega"]["hi"] + listed["Vega"]["lo"]


def test_ranks_have_no_gap_where_a_contract_was_listed_twice() -> None:
    day = replace(EMPTY, extremes={("Delta", "hi"): [contract(1), contract(1), contract(2)]})

    sides = written(day)["overlay"]["extremes"]["byKpi"]["Delta"]

    assert [(item["rank"], item["trade_id"]) for item in sides["hi"]] == [
        (1, 850_001),
        (2, 850_002),
    ]
    assert sides["lo"] == []


def item(**changes: object) -> dict[str, Any]:
    day = replace(EMPTY, extremes={("Delta", "hi"): [contract(0, **changes)]})
    (found,) = written(day)["overlay"]["extremes"]["byKpi"]["Delta"]["hi"]
    return dict(found)


def broker_says(found: dict[str, Any]) -> tuple[Any, ...]:
    names = ("unrealized_pl", "unrealized_plpc", "market_value", "avg_entry_price")
    return tuple(found[f"broker_{name}"] for name in names)


def test_what_the_broker_says_follows_from_the_same_figures() -> None:
    long_call = item(individual_pnl=Decimal(-840), cost_basis=Decimal(18_400), qty=Decimal(2))
    short_put = item(individual_pnl=Decimal(-480), cost_basis=Decimal(-15_300), qty=Decimal(1))
    shares = item(
        contract_name="GOOG",
        individual_pnl=Decimal(1),
        cost_basis=Decimal(100),
        qty=Decimal("0.5"),
    )

    # The first two are the reference's.
    assert broker_says(long_call) == (-840, -0.04565, 17_560, 92)
    assert broker_says(short_put) == (-480, -0.03137, -15_780, 153)
    assert broker_says(shares) == (1, 0.01, 101, 200)


# A coin below a ten-thousandth of a cent, held by the billion.
@pytest.mark.parametrize(
    ("cost", "qty", "entry"),
    [
        ("24.8", "2000000", 0.0000124),
        ("1.5", "3600000000", 4.16667e-10),
        ("12", "0.07", 171.428571),
    ],
)
def test_an_entry_price_is_never_rounded_to_nothing(cost: str, qty: str, entry: float) -> None:
    found = item(contract_name="GOOG", cost_basis=Decimal(cost), qty=Decimal(qty))

    assert found["broker_avg_entry_price"] == entry


def test_what_cost_nothing_has_no_entry_price() -> None:
    found = item(contract_name="GOOG", cost_basis=Decimal(0), qty=Decimal(2))

    assert found["broker_avg_entry_price"] == 0


def test_a_contract_that_is_not_held_has_zeros() -> None:
    fields = ("individual_pnl", "abs_individual_pnl", "percent_change", "cost_basis", "qty")

    scanned = item(**dict.fromkeys(fields, Decimal(0)))

    assert broker_says(scanned) == (0, 0, 0, 0)
    assert scanned["metric_raw"] == -100


@pytest.mark.parametrize("unknown", ["individual_pnl", "cost_basis", "qty"])
def test_what_follows_from_something_unknown_is_unknown(unknown: str) -> None:
    known = dict(
        zip(("pl", "plpc", "value", "entry"), broker_says(item(**{unknown: None})), strict=True)
    )

    assert {name for name, value in known.items() if value is None} == {
        "individual_pnl": {"pl", "plpc", "value"},
        "cost_basis": {"plpc", "value", "entry"},
        "qty": {"entry"},
    }[unknown]


def test_an_asset_of_one_id_and_name_stands_once() -> None:
    other = PortfolioAsset(trade_id=850_001, symbol="GOOG", contract_name="GOOG")

    assets = written(replace(EMPTY, assets=[asset(1), asset(1), other]))["overlay"]

    assert [each["contract_name"] for each in assets["portfolioAssets"]] == [
        "GOOG260220C00000001",
        "GOOG",
    ]


def test_a_body_that_is_too_large_is_refused_with_its_size_and_its_largest_part() -> None:
    with pytest.raises(SnapshotTooLargeError, match=r"[\d,]{9} bytes.*seriesByKpi with [\d,]{7}"):
        assemble(DAY, AT, full_day(points=800)).to_body()


def test_a_day_of_8000_rows_fits() -> None:
    day = full_day(points=285, contracts=20, assets=200)

    snapshot = assemble(DAY, AT, day)

    assert sum(map(len, day.series.values())) + 26 + 360 + 200 > 7_990
    assert len(snapshot.to_body()) < 1_000_000


@pytest.mark.parametrize("kpi", CATALOG[:5])
def test_a_day_is_empty_until_something_is_counted(kpi: str) -> None:
    empty = {**dict.fromkeys(CATALOG[:4], "0"), "Daily PnL": "$0.00", "Portfolio": "3"}

    assert nothing_recorded(assemble(DAY, AT, replace(EMPTY, figures=empty)))
    assert not nothing_recorded(assemble(DAY, AT, replace(EMPTY, figures=empty | {kpi: "1"})))


def test_a_complete_day_misses_nothing() -> None:
    lacks = missing(assemble(DAY, AT, full_day()))

    assert lacks.counts() == {"missing_kpis": 0, "missing_series": 0, "missing_extremes": 0}


def test_what_is_missing_is_named_with_its_reason() -> None:
    day = replace(full_day(), figures=FIGURES | {"Win rate": DASH, "Delta": DASH})
    day = replace(day, series={}, extremes={("Vega", "hi"): [contract(1)]})

    lacks = missing(assemble(DAY, AT, day))

    assert lacks.kpis == {
        "Win rate": "no position was closed that day",
        "Delta": "no option contract was scanned that day",
    }
    assert list(lacks.series) == list(CATALOG)
    assert lacks.series["Signals scanned"] == "the view holds nothing of it"
    assert list(lacks.extremes) == [kpi for kpi in EXTREMES if kpi != "Vega"]
    assert lacks.counts() == {"missing_kpis": 2, "missing_series": 26, "missing_extremes": 17}
    assert lacks.to_json() == vars(lacks)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("47,324", (Decimal(47324), "number")),
        ("-0.0628", (Decimal("-0.0628"), "number")),
        ("72.30%", (Decimal("72.30"), "percent")),
        ("47,32", (Decimal(4732), "number")),
        ("+5", (Decimal(5), "number")),
        (" 5 ", (Decimal(5), "number")),
        (".5", (None, "text")),
        ("5.", (None, "text")),
        ("1e3", (None, "text")),
        ("9" * 400, (None, "text")),
        ("12 %", (Decimal(12), "percent")),
        (".5%", (Decimal("0.5"), "percent")),
        ("+1,200.%", (Decimal(1200), "percent")),
        ("-1e3%", (Decimal("-1e3"), "percent")),
        ("1e400%", (None, "text")),
        ("%", (Decimal(0), "percent")),
        ("—%", (None, "text")),
        ("-$1,457.99", (None, "text")),
        ("2414s", (None, "text")),
        (DASH, (None, "text")),
        ("", (None, "text")),
    ],
)
def test_a_displayed_value_is_read_back(text: str, value: object) -> None:
    assert value_of(text) == value


def test_a_day_has_the_keys_and_types_that_the_dashboard_reads() -> None:
    assert shape(written(full_day())) == SNAPSHOT


def test_the_reference_has_them_too() -> None:
    if not REFERENCE.exists():
        pytest.skip("the reference snapshot does not lie beside this checkout")

    assert shape(json.loads(REFERENCE.read_text())) == SNAPSHOT


def test_the_signature_is_hex_hmac_sha256_over_the_bytes() -> None:
    # Computed with: printf 'payload' | openssl dgst -sha256 -hmac secret
    assert (
        sign_body("secret", b"payload")
        == "b82fcb791acec57859b989b430a826488ce2e479fdf92326bd0a2e8375a42ba4"
    )
