"""The rules of coins, of small accounts and of assets' grids, as the simulator keeps them."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from infra.simulator.broker import SimulatedBroker
from tests.contract.conftest import post

COIN = {"symbol": "UNI/USD", "time_in_force": "gtc"}


@pytest.fixture(autouse=True)
def coins(broker: SimulatedBroker) -> None:
    broker.market.set_price("UNI/USD", 4, bid="3.99", ask="4.01")


@pytest.mark.parametrize(
    ("changes", "fields", "status", "message"),
    [
        ({}, {"notional": "9.99"}, 403, "cost basis must be >= minimal amount of order 10"),
        ({}, {"qty": "2"}, 403, "cost basis must be >= minimal amount of order 10"),
        ({"min_order_size": "5"}, {"qty": "4"}, 403, "qty must be >= minimal qty of order 5"),
        ({"min_trade_increment": "0.001"}, {"qty": "4.0005"}, 422, "invalid qty 4.0005"),
        (
            {"price_increment": "0.05"},
            {"qty": "4", "type": "limit", "limit_price": "4.01"},
            *(422, "invalid limit_price 4.01"),
        ),
    ],
)
def test_coins_have_minimums_and_increments(
    http: httpx.Client,
    broker: SimulatedBroker,
    changes: dict[str, str],
    fields: dict[str, Any],
    status: int,
    message: str,
) -> None:
    broker.assets.put("UNI/USD", **changes)

    reply = post(http, **COIN | fields)

    assert reply.status_code == status
    assert reply.json()["message"].startswith(message)
    shown = http.get("/v2/assets/UNI%2FUSD").json()
    assert changes.items() <= shown.items()


def test_what_fits_is_taken(http: httpx.Client) -> None:
    assert post(http, **COIN, notional="10").status_code == 200
    assert post(http, **COIN, qty="2.5").status_code == 200


def test_neither_coins_nor_unmarginable_stocks_are_bought_on_margin(
    http: httpx.Client, broker: SimulatedBroker
) -> None:
    broker.assets.put("AAPL", marginable=False)
    more_than_cash = "100001"

    for fields in (COIN, {"symbol": "AAPL"}):
        reply = post(http, **fields, notional=more_than_cash)
        assert reply.json()["message"] == "insufficient buying power"
    assert post(http, symbol="SPY", notional=more_than_cash).status_code == 200


def test_a_cash_account_has_no_margin(http: httpx.Client, broker: SimulatedBroker) -> None:
    broker.switches.multiplier = 1

    account = http.get("/v2/account").json()

    assert account["multiplier"] == "1"
    assert account["buying_power"] == account["non_marginable_buying_power"] == "100000"


def test_coins_are_not_bought_without_an_active_crypto_status(
    http: httpx.Client, broker: SimulatedBroker
) -> None:
    broker.switches.crypto_status = "INACTIVE"

    assert http.get("/v2/account").json()["crypto_status"] == "INACTIVE"
    assert post(http, **COIN, notional="10").status_code == 403


def test_a_fourth_day_trade_of_a_small_account_is_refused(
    http: httpx.Client, broker: SimulatedBroker
) -> None:
    assert "daytrade_count" not in http.get("/v2/account").json()
    broker.switches.day_trade_rule = True
    broker.switches.daytrade_count = 3
    post(http, symbol="SPY", qty="1")
    http.get("/v2/orders")

    large = post(http, symbol="SPY", qty="1", side="sell")
    http.get("/v2/orders")
    counted = http.get("/v2/account").json()["daytrade_count"]

    assert large.status_code == 200
    assert counted == 4
    _make_small(broker)
    post(http, symbol="AAPL", qty="1")
    http.get("/v2/orders")
    small = post(http, symbol="AAPL", qty="1", side="sell")
    assert (small.status_code, small.json()["code"]) == (403, 40310100)
    assert small.json()["message"] == "trade denied due to pattern day trading protection"


def _make_small(broker: SimulatedBroker) -> None:
    """Lose nearly everything: what was bought is worth little now."""
    broker.market.set_price("MSFT", 1000)
    order = {"symbol": "MSFT", "side": "buy", "type": "market", "time_in_force": "day"}
    headers = {"APCA-API-KEY-ID": broker.key_id, "APCA-API-SECRET-KEY": broker.secret_key}
    client = broker.app.test_client()
    client.post("/v2/orders", json=order | {"qty": "85"}, headers=headers)
    client.get("/v2/orders", headers=headers)
    broker.market.set_price("MSFT", 100)
    assert broker.valuation.values().equity < Decimal(25_000)
