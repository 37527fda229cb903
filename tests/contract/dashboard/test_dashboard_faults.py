"""The local receiver under races and injected faults, and the page it shows to people."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from infra.local.dashboard.receiver import ENDPOINT, DashboardReceiver
from infra.local.serving import HttpServer
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


@pytest.fixture
def dashboard() -> Iterator[DashboardReceiver]:
    receiver = DashboardReceiver(None, TOKEN, SECRET)
    yield receiver
    receiver.close()


def test_posts_of_one_day_at_the_same_moment_leave_no_broken_server(
    dashboard: DashboardReceiver,
) -> None:
    payload = snapshot()
    payload["overlay"]["seriesByKpi"] = {
        "Daily PnL": [
            point(f"{number // 60:02}:{number % 60:02}", number) for number in range(1200)
        ]
    }
    body = written(payload)
    together = threading.Barrier(4)

    def race() -> None:
        together.wait()
        post(dashboard, body)

    racers = [threading.Thread(target=race) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert {one.status for one in dashboard.received} <= {200, 500}
    assert post(dashboard, body).status_code == 200
    assert counts(dashboard) == (2, 1200, 1, 1)


def test_faults_are_answered_once_each_and_store_nothing(dashboard: DashboardReceiver) -> None:
    dashboard.fail_next(503, times=2)
    dashboard.slow_next(0.01)

    statuses = [post(dashboard, written(snapshot())).status_code for _ in range(3)]

    assert statuses == [503, 503, 200]
    assert [one.status for one in dashboard.received] == [503, 503, 200]


@pytest.mark.parametrize("stored", [False, True])
def test_a_dropped_connection_has_stored_the_day_or_not(
    dashboard: DashboardReceiver, *, stored: bool
) -> None:
    dashboard.drop_next(stored=stored)
    body = written(snapshot())

    with HttpServer(dashboard.app) as server, pytest.raises(httpx.RemoteProtocolError):
        httpx.post(server.url + ENDPOINT, content=body, headers=headers(body))

    assert (dashboard.day(DATE) is not None) == stored


def test_the_page_shows_the_latest_day_escaped(dashboard: DashboardReceiver) -> None:
    page = dashboard.app.test_client()
    assert "No snapshot yet" in page.get("/").text
    post(dashboard, written(snapshot(date="2026-02-09", headline="The day before")))
    post(dashboard, written(snapshot(headline="<script>alert(1)</script>")))

    shown = page.get("/").text

    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "-$110.00" in shown
    assert 'points="0.0,1.0 120.0,27.0"' in shown
    assert "The day before" not in shown


def test_the_page_draws_each_contract_of_a_list_as_a_bar(dashboard: DashboardReceiver) -> None:
    payload = snapshot()
    contracts = [("ON", 30), ("<b>", -10)]
    payload["overlay"]["extremes"]["byKpi"] = {
        "Delta": {"hi": [{"contract_name": n, "metric_raw": v} for n, v in contracts], "lo": []}
    }
    post(dashboard, written(payload))

    shown = dashboard.app.test_client().get("/").text

    assert '<rect x="30.0" y="0" width="90.0" height="4"><title>ON: 30.0</title>' in shown
    assert '<rect x="0.0" y="5" width="30.0" height="4" class="loss"><title>&lt;b&gt;' in shown
