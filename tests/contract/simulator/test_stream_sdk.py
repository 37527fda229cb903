"""The official SDK's streams receive from the simulator, through their own strict models."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from queue import Empty, Queue
from typing import Any

import httpx
import pytest
from alpaca.data.live.stock import StockDataStream
from alpaca.trading.stream import TradingStream

from infra.simulator.broker import SimulatedBroker
from tests.contract.conftest import placed, resting
from tests.waiting import PATIENCE_SECONDS

KEYS = ("sim-key", "sim-secret")


@contextmanager
def running(stream: Any, wake: Callable[[], object]) -> Iterator[None]:
    """Run the SDK's loop meanwhile; `wake` lets it see that it is to stop."""
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stream.stop()
        wake()
        thread.join()


def heard(queue: "Queue[Any]", again: Callable[[], object]) -> Any:
    """Return what was received; do it again until the client listens."""
    while True:
        again()
        try:
            return queue.get(timeout=0.1)
        except Empty:
            continue


@pytest.mark.parametrize("count", [1, 7_000])
def test_stock_data_stream_receives_trades_quotes_and_bars(
    broker: SimulatedBroker, streams: str, count: int
) -> None:
    stream = StockDataStream(*KEYS, url_override=f"{streams}/v2/iex")
    trades, quotes, bars = Queue[Any](), Queue[Any](), Queue[Any]()

    async def on_trade(trade: Any) -> None:
        trades.put(trade)

    async def on_quote(quote: Any) -> None:
        quotes.put(quote)

    async def on_bar(bar: Any) -> None:
        bars.put(bar)

    def price() -> None:
        broker.market.set_price("AAPL", "229.5", bid="229.49", ask="229.52")

    stream.subscribe_trades(on_trade, "AAPL")
    stream.subscribe_quotes(on_quote, "AAPL")
    # Seven thousand names do not fit into one frame of the SDK: it sends them in fragments.
    others = [
        f"A{chr(65 + n // 676)}{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}" for n in range(count)
    ]
    stream.subscribe_bars(on_bar, "AAPL", *others)
    stream.subscribe_updated_bars(on_bar, "AAPL")
    with running(stream, price):
        trade = heard(trades, price)
        quote = quotes.get(timeout=PATIENCE_SECONDS)
        broker.clock.advance(timedelta(minutes=1))
        bar = bars.get(timeout=PATIENCE_SECONDS)

    assert (trade.symbol, trade.price, trade.timestamp) == ("AAPL", 229.5, quote.timestamp)
    assert (quote.bid_price, quote.ask_price) == (229.49, 229.52)
    assert (bar.symbol, bar.close, bar.timestamp.second) == ("AAPL", 229.5, 0)


def test_trading_stream_receives_each_update_of_an_order(http: httpx.Client, streams: str) -> None:
    stream = TradingStream(*KEYS, paper=True, url_override=f"{streams}/stream")
    updates = Queue[Any]()

    async def on_update(update: Any) -> None:
        updates.put(update)

    stream.subscribe_trade_updates(on_update)
    with running(stream, lambda: resting(http)):
        heard(updates, lambda: resting(http))
        order = placed(http, qty="2")
        of_order: list[Any] = []
        while not of_order or of_order[-1].event != "fill":
            update = updates.get(timeout=PATIENCE_SECONDS)
            if str(update.order.id) == order["id"]:
                of_order.append(update)

    assert [update.event for update in of_order] == ["pending_new", "new", "fill"]
    fill = of_order[-1]
    assert (fill.qty, fill.price, fill.position_qty) == (2, 228.01, 2)
    assert fill.order.filled_qty == "2"
