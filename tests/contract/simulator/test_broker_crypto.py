"""Crypto at the simulator: its data API, and orders around the clock."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from alpaca.data.historical import CryptoHistoricalDataClient
from alpaca.data.requests import (
    CryptoBarsRequest,
    CryptoLatestQuoteRequest,
    CryptoLatestTradeRequest,
    CryptoSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AssetClass, OrderSide, OrderStatus, TimeInForce
from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest

from infra.simulator.broker import SimulatedBroker

ROOT = "/v1beta3/crypto/us"
SUNDAY_NIGHT = datetime(2026, 10, 11, 3, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def coins(broker: SimulatedBroker) -> None:
    broker.market.set_price(
        "BTC/USD", 60_000, prev_close=59_000, bid="59999.5", ask="60000.5", volume=Decimal("0.25")
    )


@pytest.fixture
def data(broker_address: str) -> Any:
    return CryptoHistoricalDataClient("sim-key", "sim-secret", url_override=broker_address)


@pytest.fixture
def trading(broker_address: str) -> Any:
    return TradingClient("sim-key", "sim-secret", paper=True, url_override=broker_address)


def order(**fields: Any) -> dict[str, Any]:
    return {"symbol": "BTC/USD", "side": "buy", "type": "market", "time_in_force": "gtc"} | fields


def test_the_official_sdk_reads_snapshots_and_latest_values(
    broker: SimulatedBroker, data: Any
) -> None:
    broker.clock.advance(timedelta(minutes=1))
    pairs = ["BTC/USD", "XYZ/USD"]

    snapshot = data.get_crypto_snapshot(CryptoSnapshotRequest(symbol_or_symbols=pairs))["BTC/USD"]
    trade = data.get_crypto_latest_trade(CryptoLatestTradeRequest(symbol_or_symbols=pairs))
    quote = data.get_crypto_latest_quote(CryptoLatestQuoteRequest(symbol_or_symbols=pairs))

    assert (snapshot.latest_trade.price, snapshot.latest_quote.ask_price) == (60_000, 60_000.5)
    assert snapshot.daily_bar.timestamp == datetime(2026, 10, 8, tzinfo=UTC)
    assert (snapshot.daily_bar.volume, snapshot.minute_bar.close) == (0.25, 60_000)
    assert snapshot.previous_daily_bar.timestamp == datetime(2026, 10, 7, tzinfo=UTC)
    assert list(trade) == list(quote) == ["BTC/USD"]


def test_the_official_sdk_reads_daily_bars_of_utc_days(broker: SimulatedBroker, data: Any) -> None:
    broker.market.put_days("BTC/USD", {date(2026, 10, 4): 57_000, date(2026, 10, 5): 58_000})
    request = CryptoBarsRequest(
        symbol_or_symbols="BTC/USD",
        timeframe=TimeFrame.Day,
        start=datetime(2026, 10, 4, tzinfo=UTC),
    )

    bars = data.get_crypto_bars(request)["BTC/USD"]

    assert [(bar.timestamp, bar.close) for bar in bars] == [
        (datetime(2026, 10, 4, tzinfo=UTC), 57_000),
        (datetime(2026, 10, 5, tzinfo=UTC), 58_000),
        (datetime(2026, 10, 7, tzinfo=UTC), 59_000),
        (datetime(2026, 10, 8, tzinfo=UTC), 60_000),
    ]


@pytest.mark.parametrize("path", ["snapshots", "latest/trades", "latest/quotes", "bars"])
def test_a_malformed_pair_fails_the_whole_request(http: httpx.Client, path: str) -> None:
    params = {"symbols": "BTC/USD,BTCUSD", "timeframe": "1Day"}

    reply = http.get(f"{ROOT}/{path}", params=params)

    assert reply.status_code == 400
    assert reply.json() == {"message": "invalid symbol: BTCUSD does not match ^[A-Z]+x?/[A-Z]+$"}


def test_shapes_are_wrapped_and_have_no_exchange(http: httpx.Client) -> None:
    snapshots = http.get(f"{ROOT}/snapshots", params={"symbols": "BTC/USD,XYZ/USD"}).json()

    assert list(snapshots) == ["snapshots"]
    assert list(snapshots["snapshots"]) == ["BTC/USD"]
    snapshot = snapshots["snapshots"]["BTC/USD"]
    assert set(snapshot["latestTrade"]) == {"t", "p", "s", "i", "tks"}
    assert set(snapshot["latestQuote"]) == {"t", "bp", "bs", "ap", "as"}
    assert snapshot["latestTrade"]["s"] == 0.25


def test_data_needs_no_keys_but_refuses_wrong_ones(broker_address: str) -> None:
    address = f"{broker_address}{ROOT}/snapshots?symbols=BTC/USD"
    wrong = {"APCA-API-KEY-ID": "x", "APCA-API-SECRET-KEY": "y"}

    assert httpx.get(address).status_code == 200
    assert httpx.get(address, headers=wrong).status_code == 401
    assert httpx.get(f"{broker_address}/v2/clock").status_code == 401


def test_the_official_sdk_trades_on_a_sunday_night_by_notional(
    broker: SimulatedBroker, trading: Any
) -> None:
    broker.clock.set(SUNDAY_NIGHT)
    request = MarketOrderRequest(
        symbol="BTC/USD", notional=120, side=OrderSide.BUY, time_in_force=TimeInForce.GTC
    )

    placed = trading.submit_order(request)
    found = trading.get_order_by_id(placed.id)

    assert (placed.status, found.status) == (OrderStatus.PENDING_NEW, OrderStatus.FILLED)
    assert found.asset_class is AssetClass.CRYPTO
    (position,) = trading.get_all_positions()
    assert (position.symbol, position.asset_class) == ("BTCUSD", AssetClass.CRYPTO)
    assert Decimal(position.qty) == Decimal(found.filled_qty) == Decimal("0.001999983")
    assert trading.get_open_position("BTCUSD").qty == position.qty


def test_what_is_held_can_be_sold_in_parts(http: httpx.Client) -> None:
    http.post("/v2/orders", json=order(qty="0.5"))
    sold = http.post("/v2/orders", json=order(side="sell", qty="0.2")).json()

    found = http.get(f"/v2/orders/{sold['id']}").json()

    assert (found["status"], found["filled_avg_price"]) == ("filled", "59999.5")
    assert http.get("/v2/positions/BTCUSD").json()["qty"] == "0.3"
    (newest, _) = http.get("/v2/orders?status=all&symbols=BTCUSD").json()
    assert newest["id"] == sold["id"]


def test_an_immediate_order_that_does_not_fill_is_canceled(trading: Any) -> None:
    request = LimitOrderRequest(
        symbol="BTC/USD",
        qty=1,
        limit_price=50_000,
        side=OrderSide.BUY,
        time_in_force=TimeInForce.IOC,
    )

    placed = trading.submit_order(request)

    assert trading.get_order_by_id(placed.id).status is OrderStatus.CANCELED


@pytest.mark.parametrize("time_in_force", ["day", "fok", "opg", "cls"])
def test_other_times_in_force_are_refused(http: httpx.Client, time_in_force: str) -> None:
    reply = http.post("/v2/orders", json=order(qty="1", time_in_force=time_in_force))

    assert reply.status_code == 422
    assert reply.json()["message"] == "invalid crypto time_in_force"


def test_coins_are_bought_with_cash_only_and_never_sold_short(http: httpx.Client) -> None:
    too_much = http.post("/v2/orders", json=order(notional="100001"))
    short = http.post("/v2/orders", json=order(side="sell", qty="1"))

    assert (too_much.status_code, too_much.json()["message"]) == (403, "insufficient buying power")
    assert (short.status_code, short.json()["message"]) == (
        422,
        'asset "BTC/USD" cannot be sold short',
    )


def test_a_pair_is_an_asset_with_sizes(http: httpx.Client) -> None:
    asset = http.get("/v2/assets/BTC%2FUSD").json()

    assert (asset["class"], asset["symbol"], asset["marginable"]) == ("crypto", "BTC/USD", False)
    assert {"min_order_size", "min_trade_increment", "price_increment"} <= set(asset)


def test_a_script_sets_the_price_of_a_pair(http: httpx.Client, broker_address: str) -> None:
    script = {"last": "61000.5", "prev_close": 60_000, "volume": 0.125}

    snapshot = httpx.put(f"{broker_address}/sim/market/BTC/USD", json=script).json()

    assert (snapshot["latestTrade"]["p"], snapshot["latestTrade"]["s"]) == (61000.5, 0.125)
    assert http.get(f"{ROOT}/latest/trades?symbols=BTC/USD").json()["trades"]["BTC/USD"]["p"] == (
        61000.5
    )
