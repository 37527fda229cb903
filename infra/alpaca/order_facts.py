"""What the broker is asked before an order is judged."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from common.guardrails.facts import BrokerFacts
from common.market import Quote, Snapshot
from common.orders.order import Order
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.positions import holding_of
from infra.alpaca.trading import AlpacaTrading


def ask(
    order: Order, feed: str, data: AlpacaMarketData, trading: AlpacaTrading, now: datetime
) -> tuple[BrokerFacts, Snapshot | None]:
    """Ask for everything at once: the facts, and the last session's close as it was.

    Neither the close nor whether the market is open is among the facts: both need more than the
    broker. Raises TransientError when the broker does not answer.
    """
    with ThreadPoolExecutor(max_workers=5) as pool:
        quote = pool.submit(_quote, data, order.symbol, feed)
        close = pool.submit(_previous_close, data, order.symbol, feed, now)
        asset = pool.submit(trading.asset, order.symbol)
        account = pool.submit(trading.account)
        held = pool.submit(trading.positions) if order.side == "sell" else None
        facts = BrokerFacts(
            quote=quote.result(),
            asset=asset.result(),
            account=account.result(),
            holding=holding_of(held.result(), order.symbol) if held else None,
        )
        return facts, close.result()


def _quote(market_data: AlpacaMarketData, symbol: str, feed: str) -> Quote | None:
    return market_data.latest_quotes([symbol], feed).get(symbol)


def _previous_close(
    market_data: AlpacaMarketData, symbol: str, feed: str, now: datetime
) -> Snapshot | None:
    found = market_data.spot(feed).snapshots([symbol], now)
    return next((fact for fact in found.found if fact.metric == "prev_close"), None)
