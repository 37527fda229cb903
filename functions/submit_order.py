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

from common.errors import (
    BrokerRefusedError,
    MalformedMessageError,
    OutcomeUnknownError,
    TransientError,
)
from common.guardrails import deny
from common.guardrails.facts import BrokerFacts, Code, Denied, Facts, Server
from common.market import next_trading_day_start
from common.messages import OrderApproved
from common.orders import APPROVED, SUBMITTING, BrokerOrder, Order
from functions import broker_facts, edge, wiring
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.postgres import configs, confirmations, controls, orders, positions, standing
from infra.postgres.controls import Change
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
            broker = broker_facts.ask(order, config, market_data, trading, now)
            with session.transaction() as tx:
                claimed = claim(tx, order_id, broker, server, now)
            if claimed is not None:
                send(claimed, session, trading, now)


def claim(
    tx: Transaction, order_id: UUID, broker: BrokerFacts, server: Server, now: datetime
) -> Order | None:
    """Under the user's lock: deny the order, or reserve its slot and cost for sending."""
    order = orders.lock(tx, order_id)
    denied = guard(tx, order, broker, server, now)
    if denied is None and broker.quote is not None:
        return orders.reserve(tx, order, broker.quote, now)
    if denied is None:
        raise AssertionError("an order passed its guardrails without a quote")
    log.info("order %s denied: %s %s", order.id, denied.code, denied.reason)
    orders.deny(tx, order, denied, now)
    if denied.code is Code.DAILY_LOSS_LIMIT:
        trip_breaker(tx, order, denied, now)
    return None


def guard(
    tx: Transaction, order: Order, broker: BrokerFacts, server: Server, now: datetime
) -> Denied | None:
    """Gather the facts that the guardrails judge by, and ask them."""
    config = configs.of_user(tx, order.firebase_uid)
    asked = confirmations.read(tx, order.question_id)
    limited = config is not None and config.guardrails.daily_loss_limit_usd is not None
    return deny(
        order,
        Facts(
            now=now,
            server=server,
            config=config,
            confirmation=asked.confirmation if asked else None,
            broker=broker,
            standing=standing.of(tx, order, now, with_pnl=limited),
        ),
    )


def trip_breaker(tx: Transaction, order: Order, denied: Denied, now: datetime) -> None:
    """Let the user's positions only shrink for the rest of the trading day."""
    why = f"daily loss limit: {denied.reason}"
    change = Change(order.firebase_uid, "reducing", why, "breaker", next_trading_day_start(now))
    controls.turn(tx, change, now)


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
    except OutcomeUnknownError:
        with session.transaction() as tx:
            orders.mark_unknown(tx, order.id, now)
        raise
    record(order, said, session, now)


def record(order: Order, said: BrokerOrder, session: Session, now: datetime) -> None:
    """Store the broker's word on an order, and what it filled."""
    with session.transaction() as tx:
        positions.record(tx, order.id, said, now)
