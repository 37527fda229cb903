"""The official SDK trades against the simulator, through its own strict models."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AssetClass, OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetCalendarRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
)

from infra.simulator.broker import SimulatedBroker

SYMBOLS = ["AAPL", "SPY"]


# Any: the SDK declares each answer as a model or raw JSON; telling them apart is no test's point.
@pytest.fixture
def trading(broker_address: str) -> Any:
    return TradingClient("sim-key", "sim-secret", paper=True, url_override=broker_address)


@pytest.fixture
def data(broker_address: str) -> Any:
    return StockHistoricalDataClient("sim-key", "sim-secret", url_override=broker_address)


def buy(trading: Any, **fields: Any) -> Any:
    wanted: dict[str, Any] = {
        "symbol": "AAPL",
        "side": OrderSide.BUY,
        "time_in_force": TimeInForce.DAY,
    }
    return trading.submit_order(MarketOrderRequest(**wanted | fields))


def look_up(trading: Any, order: Any) -> Any:
    return trading.get_order_by_id(order.id)


def test_snapshots_have_price_quote_and_both_days(data: Any) -> None:
    request = StockSnapshotRequest(symbol_or_symbols=[*SYMBOLS, "INVALID"])

    snapshots = data.get_stock_snapshot(request)

    assert sorted(snapshots) == SYMBOLS
    assert snapshots["AAPL"].latest_trade.price == 228
    assert snapshots["AAPL"].latest_quote.ask_price == 228.01
    assert snapshots["AAPL"].daily_bar.close == 228
    assert snapshots["AAPL"].previous_daily_bar.close == 226.4


def test_latest_trade_quote_and_bar(data: Any, broker: SimulatedBroker) -> None:
    broker.clock.advance(timedelta(minutes=1))

    trades = data.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols=SYMBOLS))
    quotes = data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="AAPL"))
    bars = data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="SPY"))

    assert {symbol: trade.price for symbol, trade in trades.items()} == {"AAPL": 228, "SPY": 500}
    assert quotes["AAPL"].bid_price == 227.99
    assert bars["SPY"].timestamp == datetime(2026, 10, 8, 14, 30, tzinfo=UTC)


def test_bars_follow_the_pages_of_all_symbols(data: Any, broker: SimulatedBroker) -> None:
    for minute in range(3):
        broker.clock.advance(timedelta(minutes=1))
        broker.market.set_price("AAPL", 229 + minute)
        broker.market.set_price("SPY", 501 + minute)
    broker.clock.advance(timedelta(minutes=1))
    request = StockBarsRequest(symbol_or_symbols=SYMBOLS, timeframe=TimeFrame.Minute)

    bars = data.get_stock_bars(request).data

    assert [bar.close for bar in bars["AAPL"]] == [228, 229, 230, 231]
    assert [bar.close for bar in bars["SPY"]] == [500, 501, 502, 503]


def test_order_by_notional_is_pending_then_filled(trading: Any) -> None:
    placed = buy(trading, notional=25, client_order_id="q-1")

    found = look_up(trading, placed)

    assert (placed.status, placed.filled_qty) == (OrderStatus.PENDING_NEW, "0")
    assert (found.status, found.qty, found.notional) == (OrderStatus.FILLED, None, "25")
    assert (found.filled_qty, found.filled_avg_price) == ("0.109644313", "228.01")
    assert found.filled_at is not None
    assert placed.submitted_at is not None
    assert found.filled_at > placed.submitted_at


def test_order_by_quantity_is_found_by_both_ids(trading: Any) -> None:
    placed = buy(trading, qty=2, client_order_id="q-1")

    found = trading.get_order_by_client_id("q-1")

    assert (found.id, found.qty, found.asset_class) == (placed.id, "2", AssetClass.US_EQUITY)


def test_lists_filter_by_state(trading: Any) -> None:
    resting = trading.submit_order(
        LimitOrderRequest(symbol="AAPL", qty=1, side="buy", time_in_force="gtc", limit_price=200.5)
    )
    filled = buy(trading, qty=1)
    yesterday = datetime(2026, 10, 7, tzinfo=UTC)

    opened = trading.get_orders()
    every = trading.get_orders(
        GetOrdersRequest(
            status=QueryOrderStatus.ALL, limit=10, after=yesterday, nested=True, symbols=["AAPL"]
        )
    )

    assert [order.id for order in opened] == [resting.id]
    assert [order.id for order in every] == [filled.id, resting.id]


def test_cancelled_order_ends_after_the_reply(trading: Any) -> None:
    resting = trading.submit_order(
        LimitOrderRequest(symbol="AAPL", qty=1, side="buy", time_in_force="day", limit_price=200)
    )

    trading.cancel_order_by_id(resting.id)

    assert look_up(trading, resting).status is OrderStatus.CANCELED


def test_cancelling_all_answers_for_each(trading: Any) -> None:
    for price in (200, 201):
        trading.submit_order(
            LimitOrderRequest(
                symbol="AAPL", qty=1, side="buy", time_in_force="day", limit_price=price
            )
        )

    answers = trading.cancel_orders()

    assert [answer.status for answer in answers] == [200, 200]
    assert trading.get_orders() == []


def test_position_and_account_follow_a_fill(trading: Any, broker: SimulatedBroker) -> None:
    buy(trading, qty=10)
    broker.market.set_price("AAPL", "230")

    position = trading.get_open_position("AAPL")
    account = trading.get_account()

    assert position.qty == position.qty_available == "10"
    assert (position.avg_entry_price, position.cost_basis) == ("228.01", "2280.1")
    assert (position.market_value, position.unrealized_pl) == ("2300", "19.9")
    assert position.lastday_price == "226.4"
    assert (account.cash, account.equity) == ("97719.9", "100019.9")
    assert account.last_equity == "100000"


def test_no_position_is_an_error_with_its_code(trading: Any) -> None:
    with pytest.raises(APIError) as caught:
        trading.get_open_position("SPY")

    assert caught.value.status_code == 404
    assert caught.value.message == "position does not exist"


def test_clock_and_calendar_have_the_half_day(trading: Any, broker: SimulatedBroker) -> None:
    broker.clock.set(datetime(2026, 11, 27, 17, 59, tzinfo=UTC))

    clock = trading.get_clock()
    days = trading.get_calendar(
        GetCalendarRequest(start=date(2026, 11, 25), end=date(2026, 11, 30))
    )

    assert clock.is_open
    assert clock.next_close == datetime(2026, 11, 27, 18, tzinfo=UTC)
    assert [day.date.day for day in days] == [25, 27, 30]
    assert days[1].close == datetime(2026, 11, 27, 13)  # noqa: DTZ001 (the SDK drops the zone)


def test_asset_can_be_traded_in_fractions(trading: Any) -> None:
    asset = trading.get_asset("AAPL")

    assert asset.fractionable
    assert asset.tradable
    assert trading.get_asset(str(asset.id)).symbol == "AAPL"


def test_fills_are_account_activities(trading: Any) -> None:
    order = buy(trading, notional=25)

    activities = trading.get("/account/activities/FILL", {"page_size": 100})

    assert [row["order_id"] for row in activities] == [str(order.id)]
    assert activities[0]["id"].startswith("20261008103000")
