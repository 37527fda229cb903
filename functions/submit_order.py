"""Pub/Sub `orders-approved`: guardrails, claim, send, record (design section 3).

      approved ──deny──► denied
         │ reserve (user's row locked)
         ▼
     submitting ──lost reply──► submitting: the redelivery looks the order up first
         │ broker answered
         ▼
rejected, or the broker's status
"""

import logging
from datetime import datetime
from uuid import UUID

import functions_framework

from common.config import TradingConfig
from common.errors import BrokerRefusedError, MalformedMessageError, TransientError
from common.guardrails import Denied, Facts, Server, deny
from common.market import Quote
from common.messages import OrderApproved
from common.orders import APPROVED, SUBMITTING, BrokerOrder, Order
from functions import edge, wiring
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.postgres import configs, confirmations, orders, positions
from infra.postgres.database import Database, Session, Transaction

log = logging.getLogger(__name__)


@functions_framework.cloud_event
@edge.consumes(OrderApproved)
def submit_order(message: OrderApproved) -> None:
    """Place an approved order at the broker, at most once."""
    app = wiring.current()
    try:
        submit(
            message.order_id,
            app.database,
            app.market_data,
            app.trading,
            app.settings.server_limits,
            app.clock.now(),
        )
    finally:
        app.relay.publish_committed()


def submit(
    order_id: UUID,
    database: Database,
    market_data: AlpacaMarketData,
    trading: AlpacaTrading,
    server: Server,
    now: datetime,
) -> None:
    """Take one order as far as it goes; of two deliveries at once, one.

    Raises TransientError or OutcomeUnknownError when it must be taken further: the order stays
    `submitting`, its reservation stands, and the redelivery asks the broker before it sends.
    """
    with database.exclusive(f"order {order_id}") as session:
        if session is None:
            raise TransientError(f"order {order_id} is being submitted by another delivery")
        with session.transaction() as tx:
            order = orders.read(tx, order_id)
            config = configs.of_user(tx, order.firebase_uid) if order else None
        if order is None:
            raise MalformedMessageError(f"order_id: there is no order {order_id}")
        if order.status == SUBMITTING:
            resume(order, session, trading, now)
        elif order.status == APPROVED:
            quote = fresh_quote(market_data, config, order)
            with session.transaction() as tx:
                claimed = claim(tx, order_id, quote, server, now)
            if claimed:
                send(order, session, trading, now)


def fresh_quote(
    market_data: AlpacaMarketData, config: TradingConfig | None, order: Order
) -> Quote | None:
    """Ask the broker for the price of this moment, with no transaction open."""
    feed = config.feed_of(order.symbol) if config else None
    return market_data.latest_quotes([order.symbol], feed).get(order.symbol) if feed else None


def claim(
    tx: Transaction, order_id: UUID, quote: Quote | None, server: Server, now: datetime
) -> bool:
    """Under the user's lock: deny the order, or reserve its slot and notional for sending."""
    order = orders.lock(tx, order_id)
    denied = guard(tx, order, quote, server, now)
    if denied is not None:
        log.info("order %s denied: %s %s", order.id, denied.code, denied.reason)
        orders.deny(tx, order, denied, now)
        return False
    orders.reserve(tx, order, now)
    return True


def guard(
    tx: Transaction, order: Order, quote: Quote | None, server: Server, now: datetime
) -> Denied | None:
    """Gather the facts that the guardrails judge by, and ask them."""
    standing = confirmations.read(tx, order.question_id)
    reserved = orders.reserved(tx, order, now)
    return deny(
        order,
        Facts(
            now=now,
            server=server,
            config=configs.of_user(tx, order.firebase_uid),
            confirmation=standing.confirmation if standing else None,
            quote=quote,
            orders_today=reserved.orders_today,
            notional_in_window=reserved.notional_in_window,
        ),
    )


def resume(order: Order, session: Session, trading: AlpacaTrading, now: datetime) -> None:
    """Go on where an earlier delivery stopped: adopt what is at the broker, else send."""
    said = trading.by_client_order_id(order.client_order_id)
    if said is None:
        send(order, session, trading, now)
    else:
        record(order, said, session, now)


def send(order: Order, session: Session, trading: AlpacaTrading, now: datetime) -> None:
    """Send a claimed order, with no transaction open, and record what the broker says."""
    try:
        said = trading.submit(order)
    except BrokerRefusedError as error:
        with session.transaction() as tx:
            orders.reject(tx, orders.lock(tx, order.id), str(error), now)
        return
    record(order, said, session, now)


def record(order: Order, said: BrokerOrder, session: Session, now: datetime) -> None:
    """Store the broker's word on an order, and what it filled."""
    with session.transaction() as tx:
        positions.record(tx, order.id, said, now)
