"""What the broker is asked before an order is judged."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from common.guardrails.facts import BrokerFacts
from common.market import Snapshot
from common.orders.order import Order
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.positions import holding_of
from infra.alpaca.trading import AlpacaTrading


def ask(
    order: Order, feed: str, data: AlpacaMarketData, trading: AlpacaTrading, now: datetime
) -> tuple[BrokerFacts, Snapshot | None]:
    """Ask for what changes all at once: the facts, and the last session's close as it was.

    The asset, which is known most of the day, is not worth a thread that would start for nothing.
    Neither the close nor whether the market is open is among the facts: both need more than the
    broker. Raises TransientError when the broker does not answer.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        account = pool.submit(trading.account)
        held = pool.submit(trading.positions) if order.side == "sell" else None
        quote, close = data.spot(feed).quote_and_close(order.symbol, now)
        facts = BrokerFacts(
            quote=quote,
            asset=trading.asset(order.symbol),
            account=account.result(),
            holding=holding_of(held.result(), order.symbol) if held else None,
        )
        return facts, close
