"""What the broker must be asked before an order is judged, with no transaction open."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal

from common.config import TradingConfig
from common.guardrails.facts import BrokerFacts
from common.market import Quote
from common.orders.order import Order
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading


def fetch(
    order: Order,
    config: TradingConfig | None,
    market_data: AlpacaMarketData,
    trading: AlpacaTrading,
    now: datetime,
) -> BrokerFacts:
    """Ask for all facts at once; an order waits for the slowest answer, not for their sum.

    Raises TransientError when the broker does not answer: the order stays approved and comes again.
    """
    feed = config.feed_of(order.symbol) if config else None
    if feed is None:
        return BrokerFacts()
    with ThreadPoolExecutor(max_workers=5) as pool:
        quote = pool.submit(_quote, market_data, order.symbol, feed)
        close = pool.submit(_previous_close, market_data, order.symbol, feed, now)
        is_open = pool.submit(trading.market_is_open)
        asset = pool.submit(trading.asset, order.symbol)
        account = pool.submit(trading.account)
        return BrokerFacts(
            quote=quote.result(),
            previous_close=close.result(),
            market_is_open=is_open.result(),
            asset=asset.result(),
            account=account.result(),
        )


def _quote(market_data: AlpacaMarketData, symbol: str, feed: str) -> Quote | None:
    return market_data.latest_quotes([symbol], feed).get(symbol)


def _previous_close(
    market_data: AlpacaMarketData, symbol: str, feed: str, now: datetime
) -> Decimal | None:
    found = market_data.spot(feed).snapshots([symbol], now)
    return next((fact.price for fact in found.found if fact.metric == "prev_close"), None)
