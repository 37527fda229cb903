"""Pub/Sub `orders-approved`: guardrails, claim, send, record (docs/architecture.md, Invariants).

      approved ──deny──► denied
         │ reserve (user's row locked)
         ▼
     submitting ──lost reply──► submitting: the redelivery looks the order up first
         │ broker answered
         ▼
rejected, or the broker's status
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
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
from common.guardrails.facts import BrokerFacts, DenialCode, Denied, Facts
from common.messages import OrderApproved
from common.orders.broker_order import BrokerOrder
from common.orders.order import Order
from common.orders.status import APPROVED, SUBMITTING
from common.server_limits import ServerLimits
from functions import wiring
from functions.orders import broker_facts, request_queue
from functions.orders.broker_facts import KnownFacts
from functions.pubsub import pubsub_handler
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import DatabaseSession, Transaction
from infra.postgres.trading import (
    confirmations,
    controls,
    exposure,
    order_lists,
    orders,
    request_budget,
)
from infra.postgres.users import configs
from infra.runtime import log_context
from infra.workflows.orders import outcomes

log = logging.getLogger(__name__)


@functions_framework.http
@pubsub_handler(OrderApproved)
def submit_order(message: OrderApproved) -> None:
    """Place an approved order at the broker, at most once."""
    app = wiring.current()
    try:
        with app.database.exclusive(orders.delivery_of(message.order_id)) as session:
            if session is None:
                raise TransientError(f"order {message.order_id} is being submitted already")
            limits, now = app.settings.server_limits, app.clock.now()
            Submission(session, app.market_data, app.trading, limits, now).run(message.order_id)
    finally:
        app.relay.publish_committed()


@dataclass(frozen=True)
class Submission:
    """One delivery's work on one order; of two deliveries at once, one holds the session.

    Raises TransientError or OutcomeUnknownError when the order needs another delivery: it stays
    `submitting`, its reservation stands, and the redelivery asks the broker before it sends.
    """

    session: DatabaseSession
    market_data: AlpacaMarketData
    trading: AlpacaTrading
    server: ServerLimits
    now: datetime

    def run(self, order_id: UUID) -> None:
        """Take the order as far as it goes."""
        with self.session.transaction() as tx:
            order = orders.read(tx, order_id)
            if order is None:
                raise MalformedMessageError(f"order_id: there is no order {order_id}")
            turn = self.turn(tx, order) if order.status == APPROVED else None
        with log_context.bound(flow_id=order.flow_id, order_id=str(order.id)):
            if order.status == SUBMITTING:
                self.resume(order)
            elif isinstance(turn, Denied):
                self.deny_late(order.id, turn)
            elif turn is not None:
                self.submit(order, turn)

    def turn(self, tx: Transaction, order: Order) -> KnownFacts | Denied:
        """Read what is known for an order whose turn it is; deny it when that comes too late."""
        in_flight = order_lists.approved_ids(tx, at_most=broker_facts.IN_FLIGHT)
        denied = request_queue.wait(tx, order, in_flight, self.now)
        return denied or self.known(tx, order, in_flight)

    def known(self, tx: Transaction, order: Order, in_flight: Sequence[UUID]) -> KnownFacts:
        """Read what the broker need not be asked."""
        return broker_facts.known(tx, order, in_flight, self.server.stock_feed, self.now)

    def deny_late(self, order_id: UUID, denied: Denied) -> None:
        """Deny an order whose turn would come too late, unless it waits no more."""
        with self.session.transaction() as tx:
            locked = orders.lock(tx, order_id)
            if locked.status == APPROVED:
                self.deny(tx, locked, denied)

    def submit(self, order: Order, known: KnownFacts) -> None:
        """Judge, claim and send what was approved."""
        broker = self.fetch_broker_facts(order, known)
        with self.session.transaction() as tx:
            claimed = self.claim(tx, order.id, broker)
        if claimed is not None:
            self.send_first(claimed)

    def fetch_broker_facts(self, order: Order, known: KnownFacts) -> BrokerFacts:
        """Ask for the broker's facts, with no transaction open."""
        return broker_facts.fetch(
            order, known, self.session, self.market_data, self.trading, self.now
        )

    def claim(self, tx: Transaction, order_id: UUID, broker: BrokerFacts) -> Order | None:
        """Under the user's lock: deny the order, or reserve its slot and cost for sending.

        Raises TransientError while it waits for the outcome of an earlier order.
        """
        order = orders.lock(tx, order_id)
        if order.status != APPROVED:  # its owner cancelled it meanwhile
            return None
        facts = self.facts(tx, order, broker)
        order = facts.reduced(order)
        denied = deny(order, facts)
        if denied is None and broker.quote is not None and broker.asset is not None:
            request_queue.take(tx, order, self.now)
            return orders.reserve(tx, order, broker.quote, broker.asset, self.now)
        if denied is None:
            raise AssertionError("an order passed its guardrails without a quote or its asset")
        if denied.code is DenialCode.OUTCOME_PENDING:  # it passes, and the yes still counts
            raise TransientError(f"order {order.id} waits for an outcome: {denied.reason}")
        self.deny(tx, order, denied)
        return None

    def deny(self, tx: Transaction, order: Order, denied: Denied) -> None:
        """Store a guardrail's denial of a locked order."""
        log.warning(
            "order denied: %s %s",
            denied.code,
            denied.reason,
            extra={"event": "order_denied", "code": denied.code, "rule_id": order.rule_id},
        )
        orders.deny(tx, order, denied, self.now)
        if denied.code is DenialCode.DAILY_LOSS_LIMIT:
            change = controls.breaker(order.firebase_uid, denied, self.now)
            controls.restrict(tx, [change], self.now)

    def facts(self, tx: Transaction, order: Order, broker: BrokerFacts) -> Facts:
        """Gather what the guardrails judge by."""
        config = configs.of_user(tx, order.firebase_uid, self.server.stock_feed)
        asked = confirmations.read(tx, order.question_id) if order.question_id else None
        limited = config is not None and config.guardrails.daily_loss_limit_usd is not None
        return Facts(
            now=self.now,
            server=self.server,
            config=config,
            confirmation=asked.confirmation if asked else None,
            broker=broker,
            exposure=exposure.of(
                tx,
                order,
                self.now,
                with_pnl=limited,
                with_day_trades=broker.account is not None
                and broker.account.day_trades_left is not None,
            ),
        )

    def resume(self, order: Order) -> None:
        """Go on where an earlier delivery stopped: adopt what is at the broker, else send again.

        What was never sent is judged anew, for much may have changed since. It is not denied,
        because the lost request could still arrive: it waits, visible, with its reservation.
        """
        broker_order = self.trading.look_up(order)
        if broker_order is not None:
            self.record(order, broker_order)
            return
        with self.session.transaction() as tx:
            in_flight = order_lists.approved_ids(tx, at_most=broker_facts.IN_FLIGHT)
            known = self.known(tx, order, in_flight)
        broker = self.fetch_broker_facts(order, known)
        with self.session.transaction() as tx:
            facts = self.facts(tx, orders.lock(tx, order.id), broker)
        denied = deny(order, facts)
        if denied is not None:
            raise TransientError(f"order {order.id} is not sent again: {denied.code}")
        with self.session.transaction() as tx:
            request_queue.take(tx, order, self.now)
        self.send_again(order)

    def send_first(self, order: Order) -> None:
        """Send what this very delivery has claimed: a refusal is a proven rejection."""
        try:
            self.send(order)
        except BrokerRefusedError as refusal:
            with self.session.transaction() as tx:
                outcomes.reject(tx, order.id, refusal, self.server, self.now)

    def send_again(self, order: Order) -> None:
        """Send what an earlier delivery has claimed, and may have sent.

        A refusal is of this request, and proves nothing about that one: it could still arrive.
        """
        try:
            self.send(order)
        except BrokerRefusedError as refusal:
            raise TransientError(f"order {order.id} was refused now: {refusal}") from refusal

    def send(self, order: Order) -> None:
        """Send a claimed order, with no transaction open, and record what the broker says."""
        try:
            broker_order = self.trading.submit(order)
        except OutcomeUnknownError:
            with self.session.transaction() as tx:
                orders.mark_unknown(tx, order.id, self.now)
            raise
        self.record(order, broker_order)

    def record(self, order: Order, broker_order: BrokerOrder) -> None:
        """Store the broker's report on an order, and what it filled."""
        accepted_at = broker_order.submitted_at or self.now
        log.info(
            "the broker says %s",
            broker_order.status,
            extra={
                "event": "order_submitted",
                "accept_seconds": max(0.0, (accepted_at - order.created_at).total_seconds()),
            },
        )
        limit = self.trading.rate_limit
        with self.session.transaction() as tx:
            outcomes.record(tx, order.id, broker_order, self.server, self.now)
            if limit is not None:
                request_budget.observe(tx, limit, self.now)
