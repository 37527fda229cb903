"""The worker that follows the stream of order updates, one over all instances."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from common.errors import BrokerRefusedError, OutcomeUnknownError, TransientError
from common.orders.order import Order
from common.server_limits import ServerLimits
from infra.alpaca.stream.order_updates import OrderListener, OrderUpdate
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import Database
from infra.postgres.trading import order_lists, order_tracking
from infra.runtime.clock import Clock
from infra.workflows.orders import polling, recording
from infra.workflows.orders.broker_orders import is_another
from infra.workflows.orders.order_by_order import OrderByOrder
from infra.workflows.outbox_relay import Relay
from infra.workflows.stream.leader import LeadingWorker, Stream
from infra.workflows.stream.order_updates import OrderUpdates

log = logging.getLogger(__name__)

LEADER = "order stream"

_MARKING = timedelta(seconds=10)
_POLL_PAUSE = 5.0  # seconds


class OrderWorker(LeadingWorker):
    """Records each update as `reconcile_orders` records what it polls; polls what was missed.

    `connect` makes the stream of one leader. An order that cannot be recorded now, because its
    user's row is locked, counts as missed; meanwhile `reconcile_orders` polls as without a stream.
    """

    def __init__(
        self,
        database: Database,
        connect: Callable[[OrderListener], Stream],
        trading: AlpacaTrading,
        relay: Relay,
        limits: ServerLimits,
        clock: Clock,
        beat: float = 1.0,
    ) -> None:
        super().__init__(LEADER, database, beat)
        self._connect, self._trading, self._relay = connect, trading, relay
        self._limits, self._clock = limits, clock
        self._updates = OrderUpdates(self.wake)
        self._must_poll, self._poll_at = False, 0.0
        self._marked_at: datetime | None = None

    def _open(self) -> Stream:
        self._updates = OrderUpdates(self.wake)
        self._marked_at = None
        return self._connect(self._updates)

    def _step(self) -> None:
        self._guarded(self._record_updates)
        if self._updates.is_listening:
            self._guarded(self._poll_missed)
            self._guarded(self._mark)

    def _finish(self) -> None:
        self._updates.interrupted("no longer the leader")
        self._guarded(self._record_updates)

    def _guarded(self, step: Callable[[datetime], None]) -> None:
        """Take a step; what it could not do is polled later."""
        try:
            step(self._clock.now())
        except (TransientError, OutcomeUnknownError, BrokerRefusedError) as error:
            log.warning("order updates: %s", error)
            self._must_poll = True

    def _record_updates(self, now: datetime) -> None:
        updates, has_missed = self._updates.take()
        if has_missed:
            self._must_poll, self._poll_at = True, 0.0
        if not updates:
            return
        work = OrderByOrder(self._database)
        orders = self._orders(work, updates)
        changed = sum(self._record(work, orders, update, now) for update in updates)
        self._end(work, changed)
        self._log(updates, changed)

    def _orders(self, work: OrderByOrder, updates: Sequence[OrderUpdate]) -> dict[str, Order]:
        """Read our orders among the updated ones; the account may have others."""
        named = [each.order.client_order_id for each in updates if each.order.client_order_id]
        with self._database.transaction() as tx:
            ids = order_lists.ids_of(tx, named)
        return {order.client_order_id: order for order in work.read(ids)}

    def _record(
        self, work: OrderByOrder, orders: dict[str, Order], update: OrderUpdate, now: datetime
    ) -> int:
        order = orders.get(update.order.client_order_id or "")
        if order is None:
            return 0
        if is_another(order, update.order):
            self._must_poll = True
            return 0
        return work.count(
            [order],
            lambda one: recording.record_one(work, one, update.order, self._limits, now),
        )

    def _poll_missed(self, now: datetime) -> None:
        """Ask about all orders, where anything was missed, and not again and again."""
        if not self._must_poll or time.monotonic() < self._poll_at:
            return
        self._must_poll, self._poll_at = False, time.monotonic() + _POLL_PAUSE
        work = OrderByOrder(self._database)
        _, fetched = polling.poll(work, self._trading, now, everything=True)
        self._end(work, recording.record(work, fetched.found, self._limits, now))

    def _end(self, work: OrderByOrder, changed: int) -> None:
        if work.failed or work.locked:
            self._must_poll = True
        if changed:
            self._relay.publish_committed()

    def _mark(self, now: datetime) -> None:
        """Say some times a minute that nothing is missing, so that polling is needed less often."""
        if self._must_poll or (self._marked_at and now - self._marked_at < _MARKING):
            return
        with self._database.transaction() as tx:
            order_tracking.mark(tx, "stream", now)
        self._marked_at = now

    def _log(self, updates: Sequence[OrderUpdate], changed: int) -> None:
        """Log the line that metrics read: the lag is from the broker's time to the commit."""
        oldest = min((each.at for each in updates if each.at), default=self._clock.now())
        log.info(
            "%d order updates, %d of them new",
            len(updates),
            changed,
            extra={
                "event": "order_updates_recorded",
                "lag_seconds": max(0.0, (self._clock.now() - oldest).total_seconds()),
                "updates": len(updates),
                "changed": changed,
            },
        )
