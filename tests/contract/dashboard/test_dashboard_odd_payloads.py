"""Odd payloads: the local receiver does what the dashboard's public source says.

Expected values are those of `normalizeTradesJson`, `numOrNull` and `intOrNull` in
`haiphen-api/src/ingest.ts` of github.com/JudeSafo/haiphen-aboutme.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from common.snapshot import value_of
from infra.local.dashboard import payload as receiver_payload
from infra.local.dashboard.receiver import DashboardReceiver
from tests.contract.dashboard.dashboard_support import (
    DATE,
    SECRET,
    TOKEN,
    counts,
    headers,
    post,
    snapshot,
    written,
)

T = f"{DATE}T14:00:00.000Z"


@pytest.fixture
def dashboard() -> Iterator[DashboardReceiver]:
    receiver = DashboardReceiver(None, TOKEN, SECRET)
    yield receiver
    receiver.close()


def overlay(**parts: object) -> dict[str, Any]:
    return snapshot(overlay=parts)


def archived(dashboard: DashboardReceiver) -> dict[str, Any]:
    [(text,)] = dashboard.tables.select("SELECT overlay_json FROM metrics_daily")
    document: dict[str, Any] = json.loads(text)
    return document


@pytest.mark.parametrize("body", [b"null", b"0", b"false", b'""', b" null "])
def test_json_without_anything_in_it_is_no_body(dashboard: DashboardReceiver, body: bytes) -> None:
    response = post(dashboard, body)

    assert response.status_code == 400
    assert response.get_json()["error"]["code"] == "invalid_request"
    assert dashboard.day(DATE) is None


@pytest.mark.parametrize("body", [b"[]", b"7", b"true", b'"text"', b"{}"])
def test_a_body_that_is_no_snapshot_is_a_server_error(
    dashboard: DashboardReceiver, body: bytes
) -> None:
    assert post(dashboard, body).status_code == 500


def test_nothing_is_read_before_both_secrets_are_right(dashboard: DashboardReceiver) -> None:
    signed = headers(b"null")
    unsigned = {name: value for name, value in signed.items() if name != "X-Signature"}
    client = dashboard.app.test_client()
    endpoint = "/v1/internal/trades/snapshot"

    missing = client.post(endpoint, data=b"null", headers=unsigned)
    wrong = client.post(endpoint, data=b"null", headers=signed | {"X-Signature": "0" * 64})
    stranger = client.post(endpoint, data=b"null", headers=signed | {"X-Internal-Token": "no"})

    assert [each.status_code for each in (missing, wrong, stranger)] == [403, 403, 403]
    assert missing.get_json()["error"]["message"] == "Missing X-Signature header"
    assert wrong.get_json()["error"]["message"] == "Invalid signature"
    assert stranger.get_json()["error"]["message"] == "Forbidden"


@pytest.mark.parametrize(
    ("point", "value"),
    [
        ({"t": T, "v": None}, None),
        ({"t": T, "v": "n/a"}, None),
        ({"t": T, "v": {}}, None),
        ({"t": T}, None),
        ({"t": None, "v": 1}, None),
        ({"t": " ", "v": 1}, None),
        ({"t": T, "v": 1}, 1.0),
        ({"t": T, "v": None, "value": 2}, 2.0),
        ({"t": T, "v": " 1.5 "}, 1.5),
        ({"t": T, "v": "-.5e1"}, -5.0),
        ({"t": T, "v": ""}, 0.0),
        ({"t": T, "v": True}, 1.0),
        ({"t": T, "v": "1e999"}, None),
    ],
)
def test_a_point_counts_with_an_instant_and_a_finite_number(
    dashboard: DashboardReceiver, point: dict[str, object], value: float | None
) -> None:
    assert post(dashboard, written(overlay(seriesByKpi={"Delta": [point]}))).status_code == 200

    kept = dashboard.tables.select("SELECT v FROM metrics_series_points")

    assert kept == ([] if value is None else [(value,)])
    assert archived(dashboard)["seriesByKpi"].keys() == ({"Delta"} if kept else set())


def test_a_number_beyond_any_double_is_no_point(dashboard: DashboardReceiver) -> None:
    body = written(overlay(seriesByKpi={"Delta": [{"t": T, "v": 12345}]}))

    assert post(dashboard, body.replace(b"12345", b"1" + b"0" * 400)).status_code == 200
    assert counts(dashboard)[1] == 0


@pytest.mark.parametrize(
    ("trade_id", "kept"),
    [(2, 2), ("2", 2), (2.7, 2), ("2.7", 2), (-2.7, -2), ("", 0), ("two", None), (None, None)],
)
def test_the_trade_id_of_an_asset_may_be_a_text_or_a_fraction(
    dashboard: DashboardReceiver, trade_id: object, kept: int | None
) -> None:
    asset = {"trade_id": trade_id, "symbol": "ON", "contract_name": "ON"}

    assert post(dashboard, written(overlay(portfolioAssets=[asset]))).status_code == 200

    rows = dashboard.tables.select("SELECT trade_id FROM metrics_portfolio_assets")
    assert rows == ([] if kept is None else [(kept,)])


def test_the_rank_of_a_contract_is_its_place_in_the_list(dashboard: DashboardReceiver) -> None:
    listed = [
        {"rank": 7, "trade_id": "1", "contract_name": "A", "metric_raw": "1.5", "mid_ts": 3},
        {"rank": 1, "trade_id": 2, "symbol": "B"},
        "C",
        {"rank": 7, "trade_id": None, "contract_name": "D", "metric_raw": True, "bid_price": "x"},
    ]

    body = written(overlay(extremes={"byKpi": {"Delta": {"hi": listed, "lo": None}, "Rho": 1}}))
    assert post(dashboard, body).status_code == 200

    assert dashboard.tables.select(
        "SELECT side, rank, trade_id, contract_name, metric_raw, bid_price, mid_ts"
        " FROM metrics_extremes_items ORDER BY rank"
    ) == [("hi", 1, 1, "A", 1.5, None, None), ("hi", 4, None, "D", None, None, None)]
    assert archived(dashboard)["extremes"]["byKpi"]["Rho"] == 1


def test_a_row_without_texts_gets_defaults(dashboard: DashboardReceiver) -> None:
    odd = snapshot(
        date=f" {DATE} ",
        updated_at=None,
        headline=" ",
        summary=None,
        rows=[
            {"kpi": "", "name": " A ", "value": 5.0},
            {"label": "B", "value": True},
            {"value": 1},
        ],
    )

    response = post(dashboard, written(odd))

    day = dashboard.day(DATE)
    assert day is not None
    assert response.get_json()["updated_at"] == day.updated_at != ""
    assert (day.headline, day.summary) == (f"Haiphen metrics for {DATE}", "")
    assert day.kpis == {"A": "5", "B": ""}


def test_an_empty_list_of_extremes_is_archived_as_it_is(dashboard: DashboardReceiver) -> None:
    nothing: dict[str, list[object]] = {"hi": [], "lo": [], "items": []}

    post(dashboard, written(overlay(extremes={"legacyKpi": "Rho", "byKpi": {"Delta": nothing}})))

    assert archived(dashboard)["extremes"] == {"legacyKpi": "Rho", "byKpi": {"Delta": nothing}}


@pytest.mark.parametrize(
    "shown", ["12 %", ".5%", "1,23", "%", "+5", "5.", "1e3%", "72.30%", "—", "", "1e400%", "-0.5"]
)
def test_the_fallback_reads_a_displayed_value_as_the_receiver_does(shown: str) -> None:
    number, kind = value_of(shown)

    assert receiver_payload.value_of(shown) == (None if number is None else float(number), kind)
