"""What the broker must be asked before an order is judged, with no transaction open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from common.guardrails.facts import BrokerFacts
from common.market import Session, StockFeed, trading_day, trading_day_start
from common.orders.order import Order
from common.orders.status import APPROVED
from infra.alpaca import order_facts
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import DatabaseSession, Transaction
from infra.postgres.market import sessions
from infra.postgres.trading import (
    broker_answers,
    corporate_actions,
    request_budget,
)
from infra.postgres.users import configs

# How old an answer may be that orders in flight share.
SHARED_FOR = timedelta(seconds=5)
# For how many orders it counts at most; more are not served within that time.
IN_FLIGHT = 200


@dataclass(frozen=True)
class KnownFacts:
    """What is stored and need not be asked: where a symbol trades, and the broker's answers.

    `feed` is None where the user does not watch the symbol, `today` where no session is known.
    """

    feed: str | None
    today: Session | None
    answers: Mapping[str, Any]
    in_flight: Sequence[UUID]


def known(
    tx: Transaction,
    order: Order,
    in_flight: Sequence[UUID],
    stock_feed: StockFeed,
    now: datetime,
) -> KnownFacts:
    """Read what need not be asked for an order, nor for the others that are in flight.

    The account's state is read once for all orders in flight: what was asked for a moment ago, and
    after the order's yes, is not asked again. What was claimed before is judged anew, by what is so
    now. An asset is asked for once a day. Whether the market is open is in the stored calendar.
    """
    since = now - SHARED_FOR if order.status == APPROVED else now
    config = configs.of_user(tx, order.firebase_uid, stock_feed)
    return KnownFacts(
        feed=config.feed_of(order.symbol) if config else None,
        today=sessions.today(tx, now),
        answers=broker_answers.read(tx, order.id, since, trading_day_start(now)),
        in_flight=in_flight,
    )


def fetch(
    order: Order,
    known: KnownFacts,
    session: DatabaseSession,
    market_data: AlpacaMarketData,
    trading: AlpacaTrading,
    now: datetime,
) -> BrokerFacts:
    """Ask for all other facts at once; an order waits for the slowest answer, not for their sum.

    Raises TransientError when the broker does not answer: the order stays approved and comes again.
    """
    if known.feed is None:
        return BrokerFacts()
    data, data_read = market_data.sharing(known.answers)
    account, trading_read = trading.sharing(known.answers)
    facts, close = order_facts.ask(order, known.feed, data, account, now)
    with session.transaction() as tx:
        request_budget.take(tx, len(trading_read), now)
        broker_answers.store(tx, data_read | trading_read, known.in_flight, now)
        if close is not None and facts.quote is not None:
            close = corporate_actions.on_basis_of(tx, close, trading_day(facts.quote.as_of))
    return replace(
        facts,
        previous_close=close.price if close else None,
        market_is_open=known.today.contains(now) if known.today else None,
    )
