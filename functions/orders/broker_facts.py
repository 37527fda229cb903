"""What the broker must be asked before an order is judged, with no transaction open."""

from dataclasses import replace
from datetime import datetime, timedelta

from common.guardrails.facts import BrokerFacts
from common.market import StockFeed, trading_day, trading_day_start
from common.orders.order import Order
from common.orders.status import APPROVED
from infra.alpaca import order_facts
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import DatabaseSession
from infra.postgres.market import sessions
from infra.postgres.trading import (
    broker_answers,
    corporate_actions,
    order_lists,
    request_budget,
)
from infra.postgres.users import configs

# How old an answer may be that orders in flight share.
SHARED_FOR = timedelta(seconds=5)
# For how many orders it counts at most; more are not served within that time.
_IN_FLIGHT = 200


def fetch(
    order: Order,
    session: DatabaseSession,
    market_data: AlpacaMarketData,
    trading: AlpacaTrading,
    stock_feed: StockFeed,
    now: datetime,
) -> BrokerFacts:
    """Ask for all facts at once; an order waits for the slowest answer, not for their sum.

    The account's state is read once for all orders in flight: what was asked for a moment ago, and
    after the order's yes, is not asked again. What was claimed before is judged anew, by what is so
    now. An asset is asked for once a day. Whether the market is open is in the stored calendar.

    Raises TransientError when the broker does not answer: the order stays approved and comes again.
    """
    since = now - SHARED_FOR if order.status == APPROVED else now
    with session.transaction() as tx:
        config = configs.of_user(tx, order.firebase_uid, stock_feed)
        today = sessions.today(tx, now)
        in_flight = order_lists.approved_ids(tx, at_most=_IN_FLIGHT)
        known = broker_answers.read(tx, order.id, since, trading_day_start(now))
    feed = config.feed_of(order.symbol) if config else None
    if feed is None:
        return BrokerFacts()
    data, data_read = market_data.sharing(known)
    account, trading_read = trading.sharing(known)
    facts, close = order_facts.ask(order, feed, data, account, now)
    with session.transaction() as tx:
        request_budget.take(tx, len(trading_read), now)
        broker_answers.store(tx, data_read | trading_read, in_flight, now)
        if close is not None and facts.quote is not None:
            close = corporate_actions.on_basis_of(tx, close, trading_day(facts.quote.as_of))
    return replace(
        facts,
        previous_close=close.price if close else None,
        market_is_open=today.contains(now) if today else None,
    )
