"""The simulator's answers have the keys and JSON types of the recorded examples."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.simulator.broker import SimulatedBroker
from tests.contract.conftest import AFTER_THE_CLOSE, MARKET_BUY, placed

EXAMPLES = Path(__file__).parents[4] / "shared" / "alpaca-examples"
pytestmark = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason="the broker's recorded examples are not beside the repository"
)

# Why an example may differ: it is older than the key, or shows another kind of order.
NEWER_KEYS = {"expires_at", "position_intent"}


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def shape(value: Any) -> Any:
    """Return keys and types; a number is a number whether whole or not, a list is its first."""
    match value:
        case dict():
            return {key: shape(each) for key, each in value.items()}
        case list():
            return [shape(each) for each in value[:1]]
        case bool() | str() | None:
            return type(value).__name__
        case _:
            return "number"


def by_symbol(value: Mapping[str, Any]) -> Any:
    """Return the shape of any one value of an object keyed by symbol."""
    return shape(next(iter(value.values())))


@pytest.fixture(autouse=True)
def a_minute_later(broker: SimulatedBroker) -> None:
    for symbol in ("AAPL", "TSLA"):
        broker.market.set_price(symbol, "172.61", prev_close="173.19")
    broker.clock.advance(timedelta(minutes=1))


def test_snapshots(http: httpx.Client) -> None:
    several = http.get("/v2/stocks/snapshots", params={"symbols": "AAPL,TSLA"}).json()
    one = http.get("/v2/stocks/AAPL/snapshot").json()

    assert by_symbol(several) == by_symbol(example("stock_snapshots"))
    assert shape(one) == shape(example("stock_snapshot_single"))


@pytest.mark.parametrize("name", ["trades", "quotes", "bars"])
def test_latest(http: httpx.Client, name: str) -> None:
    expected = example(f"stock_{name}_latest")

    found = http.get(f"/v2/stocks/{name}/latest", params={"symbols": "AAPL,TSLA"}).json()

    assert found.keys() == expected.keys()
    assert by_symbol(found[name]) == by_symbol(expected[name])


def test_latest_trade_of_one(http: httpx.Client) -> None:
    found = http.get("/v2/stocks/AAPL/trades/latest").json()

    assert shape(found) == shape(example("stock_trade_latest_single"))


def test_pages_of_bars(http: httpx.Client) -> None:
    wanted = {"symbols": "AAPL,TSLA", "timeframe": "1Min", "limit": "1"}

    first = http.get("/v2/stocks/bars", params=wanted).json()
    token = first["next_page_token"]
    last = http.get("/v2/stocks/bars", params={**wanted, "page_token": token}).json()

    assert shape(first) == shape(example("stock_bars_page_with_token"))
    assert last["next_page_token"] is example("stock_bars_last_page")["next_page_token"]
    assert by_symbol(last["bars"]) == by_symbol(example("stock_bars_last_page")["bars"])


def test_bars_of_nothing(http: httpx.Client) -> None:
    several = http.get("/v2/stocks/bars", params={"symbols": "ZZZZ", "timeframe": "1Day"}).json()
    old = {"timeframe": "1Day", "end": "2015-01-01", "start": "2014-01-01"}
    one = http.get("/v2/stocks/AAPL/bars", params=old).json()

    assert several == example("stock_bars_empty")
    assert one == example("stock_bars_single_null")


def test_order_by_notional(http: httpx.Client) -> None:
    order = placed(http, notional="25")
    found = http.get(f"/v2/orders/{order['id']}").json()

    assert shape(order) == shape(example("order_submit_notional_pending_new"))
    assert shape(found) == shape(example("order_filled_notional"))


def test_limit_order_resting_then_cancelled(http: httpx.Client) -> None:
    order = placed(http, qty="1", type="limit", limit_price="105.5")
    resting = http.get(f"/v2/orders/{order['id']}").json()
    http.delete(f"/v2/orders/{order['id']}")
    canceled = http.get(f"/v2/orders/{order['id']}").json()

    assert shape(resting) == shape(example("order_limit_new"))
    assert shape(canceled) == shape(example("order_limit_canceled"))


def test_order_after_hours(http: httpx.Client, broker: SimulatedBroker) -> None:
    broker.clock.set(AFTER_THE_CLOSE)

    order = placed(http, qty="2", type="limit", limit_price="150", time_in_force="gtc")

    expected = shape(example("order_accepted_after_hours"))
    assert {k: v for k, v in shape(order).items() if k not in NEWER_KEYS} == expected
    assert order["status"] == "accepted"


def test_cancelling_all(http: httpx.Client) -> None:
    placed(http, qty="1", type="limit", limit_price="105.5")

    reply = http.delete("/v2/orders")

    assert reply.status_code == 207
    assert shape(reply.json()) == shape(example("orders_cancel_all"))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v2/account", "account"),
        ("/v2/account/activities/FILL", "activities_fill"),
        ("/v2/positions", "positions"),
        ("/v2/clock", "clock"),
        ("/v2/calendar?start=2026-11-25&end=2026-11-27", "calendar"),
        ("/v2/assets/AAPL", "asset_us_equity"),
    ],
)
def test_account_and_reference(http: httpx.Client, path: str, name: str) -> None:
    placed(http, notional="25")

    found = http.get(path).json()

    assert shape(found) == shape(example(name))


def test_calendar_is_the_recorded_one(http: httpx.Client) -> None:
    found = http.get("/v2/calendar?start=2026-11-25&end=2026-11-27").json()

    assert found == example("calendar")


@pytest.mark.parametrize(
    ("order", "when"),
    [
        ({}, "neither given"),
        ({"qty": "1", "notional": "5"}, "both given"),
        ({"notional": "0.99"}, "notional below one dollar"),
        ({"symbol": "ZZZZ", "qty": "1"}, "unknown symbol in an order"),
        ({"qty": "0.5", "time_in_force": "gtc"}, "fractional with gtc"),
        ({"qty": "0.001"}, "fractional qty worth less than $1"),
    ],
)
def test_refused_order_has_the_recorded_message(
    http: httpx.Client, order: dict[str, str], when: str
) -> None:
    expected = next(row for row in example("errors") if row["when"] == when)

    reply = http.post("/v2/orders", json=MARKET_BUY | order)

    assert reply.status_code == expected["http_status"]
    assert reply.json() == expected["body"]


def test_refusals_with_figures_have_the_recorded_keys(http: httpx.Client) -> None:
    placed(http, qty="3")
    placed(http, qty="3", side="sell", type="limit", limit_price="900")
    order = {"symbol": "AAPL", "type": "market", "time_in_force": "day"}

    poor = http.post("/v2/orders", json={**order, "side": "buy", "qty": "9000", "symbol": "TSLA"})
    held = http.post("/v2/orders", json={**order, "side": "sell", "qty": "1"})

    rows = {row["when"]: row["body"] for row in example("errors")}
    assert shape(poor.json()) == shape(rows["POST /v2/orders too large"])
    assert shape(held.json()) == shape(rows["sell more than qty_available"])
