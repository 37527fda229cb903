"""The local receiver does with a snapshot what the real dashboard does (docs/snapshot.md)."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.dashboard.receiver import DashboardReceiver, Received
from tests.contract.dashboard.dashboard_support import (
    DATE,
    SECRET,
    TOKEN,
    counts,
    headers,
    point,
    post,
    snapshot,
    written,
)

REFERENCE = Path(__file__).parents[4] / "shared" / "reference" / "trades-2026-02-10.json"


@pytest.fixture
def dashboard() -> Iterator[DashboardReceiver]:
    receiver = DashboardReceiver(None, TOKEN, SECRET)
    yield receiver
    receiver.close()


def test_a_signed_snapshot_is_stored_and_acknowledged(dashboard: DashboardReceiver) -> None:
    body = written(snapshot())

    response = post(dashboard, body)

    assert response.status_code == 200
    assert response.get_json() == {
        "ok": True,
        "date": DATE,
        "updated_at": f"{DATE}T22:44:07.984Z",
        "request_id": response.headers["X-Request-Id"],
    }
    assert counts(dashboard) == (2, 2, 1, 1)
    assert dashboard.received == [Received(DATE, 200, True, len(body))]


def test_the_reference_snapshot_is_accepted_whole(dashboard: DashboardReceiver) -> None:
    if not REFERENCE.exists():
        pytest.skip("the reference snapshot does not lie beside this checkout")

    response = post(dashboard, REFERENCE.read_bytes())

    assert response.status_code == 200
    assert counts(dashboard) == (26, 1635, 198, 14)
    [(number, kind)] = dashboard.tables.select(
        "SELECT value_num, value_kind FROM metrics_kpi_values WHERE kpi = 'Signals scanned'"
    )
    assert (number, kind) == (422521, "number")


@pytest.mark.parametrize(
    "changed", [{"X_Internal_Token": "wrong"}, {"X_Signature": "0" * 64}, {"X_Signature": ""}]
)
def test_an_unknown_caller_is_refused(
    dashboard: DashboardReceiver, changed: dict[str, str]
) -> None:
    response = post(dashboard, written(snapshot()), **changed)

    assert response.status_code == 403
    error = response.get_json()["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert error["request_id"] == response.headers["X-Request-Id"]
    assert dashboard.day(DATE) is None


def test_the_signature_is_over_the_exact_bytes(dashboard: DashboardReceiver) -> None:
    body = written(snapshot())

    response = post(dashboard, body + b"\n", **{"X-Signature": headers(body)["X-Signature"]})

    assert response.status_code == 403
    assert dashboard.received == [Received(None, 403, False, len(body) + 1)]


@pytest.mark.parametrize("body", [b"", b"no json", b"\xff{}", b"\xef\xbb\xbf{}", b'{"date": NaN}'])
def test_what_is_not_json_is_refused(dashboard: DashboardReceiver, body: bytes) -> None:
    assert post(dashboard, body).status_code == 400


@pytest.mark.parametrize("date", [None, 20260210, "10.02.2026", "2026-2-10", f"{DATE}T00:00"])
def test_a_date_of_another_form_is_a_server_error(
    dashboard: DashboardReceiver, date: object
) -> None:
    assert post(dashboard, written(snapshot(date=date))).status_code == 500


def test_a_date_that_no_calendar_has_is_accepted(dashboard: DashboardReceiver) -> None:
    assert post(dashboard, written(snapshot(date="2026-13-45"))).status_code == 200


def test_a_body_beyond_the_limit_is_refused(dashboard: DashboardReceiver) -> None:
    response = post(dashboard, written(snapshot(summary="x" * 2_200_000)))

    assert response.status_code == 413
    assert dashboard.day(DATE) is None


def test_posting_a_day_again_replaces_it_even_by_an_older_one(dashboard: DashboardReceiver) -> None:
    post(dashboard, written(snapshot()))

    older = snapshot(updated_at=f"{DATE}T09:00:00.000Z", rows=[], overlay={})
    response = post(dashboard, written(older))

    day = dashboard.day(DATE)
    assert response.status_code == 200
    assert counts(dashboard) == (0, 0, 0, 0)
    assert day is not None
    assert day.updated_at == f"{DATE}T09:00:00.000Z"


def test_a_duplicate_leaves_the_day_half_empty(dashboard: DashboardReceiver) -> None:
    post(dashboard, written(snapshot()))
    points = [point(f"{number // 60:02}:{number % 60:02}", number) for number in range(300)]
    bad = snapshot()
    bad["overlay"]["seriesByKpi"] = {"Daily PnL": [*points, points[0]]}

    response = post(dashboard, written(bad))

    assert response.status_code == 500
    assert response.get_json()["error"]["message"].startswith("UNIQUE constraint failed")
    assert counts(dashboard) == (2, 198, 0, 0), "the first batch of 200 stays, the rest is gone"


@pytest.mark.parametrize("doubled", ["rows", "portfolioAssets"])
def test_every_other_duplicate_is_a_server_error_too(
    dashboard: DashboardReceiver, doubled: str
) -> None:
    bad = snapshot()
    rows = bad[doubled] if doubled == "rows" else bad["overlay"][doubled]
    rows.append(copy.deepcopy(rows[0]))

    assert post(dashboard, written(bad)).status_code == 500


def test_what_cannot_be_placed_is_dropped_silently(dashboard: DashboardReceiver) -> None:
    payload = snapshot()
    nameless = {"trade_id": 2, "symbol": "ON", "metric_raw": 1}
    payload["overlay"]["extremes"]["byKpi"]["Daily PnL"]["lo"] = [nameless]
    payload["overlay"]["portfolioAssets"] += [
        {"trade_id": "two", "symbol": "ON", "contract_name": "ON"},
        {"trade_id": None, "symbol": "ON", "contract_name": "ON"},
        {"trade_id": 3, "symbol": "ON"},
        "ON",
    ]

    response = post(dashboard, written(payload))

    assert response.status_code == 200
    assert counts(dashboard) == (2, 2, 1, 1)


def test_field_variants_are_read_alike(dashboard: DashboardReceiver) -> None:
    payload = snapshot(kpis=[{"name": "A", "val": "1"}, {"label": "B", "text": "2"}])
    del payload["rows"]
    overlay = payload["overlay"]
    overlay["series"] = {"A": [{"time": "1", "value": 1}, {"ts": "2", "v": 2}]}
    overlay["assets"] = overlay.pop("portfolioAssets")
    del overlay["seriesByKpi"]

    response = post(dashboard, written(payload))

    assert response.status_code == 200
    assert counts(dashboard) == (2, 2, 1, 1)


@pytest.mark.parametrize(
    ("text", "number", "kind"),
    [
        ("47,324", 47324, "number"),
        ("-0.0628", -0.0628, "number"),
        ("72.30%", 72.3, "percent"),
        ("-$1,457.99", None, "text"),
        ("2414s", None, "text"),
        ("—", None, "text"),
        ("12 %", 12, "percent"),
        (".5%", 0.5, "percent"),
        ("1,23", 123, "number"),
        (".5", None, "text"),
        ("%", 0, "percent"),
        ("1e400%", None, "text"),
        ("9" * 400, None, "text"),
    ],
)
def test_a_value_is_stored_as_number_percent_or_text(
    dashboard: DashboardReceiver, text: str, number: float | None, kind: str
) -> None:
    post(dashboard, written(snapshot(rows=[{"kpi": "It", "value": text}])))

    rows = dashboard.tables.select(
        "SELECT value_text, value_num, value_kind FROM metrics_kpi_values"
    )

    assert rows == [(text, number, kind)]
