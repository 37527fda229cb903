"""Orders are brought on one by one: a bad one, or a slow or locked user, costs nobody else."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from common.errors import LockedError
from common.orders.order import Order
from common.orders.request_budget import in_turn
from infra.postgres.database import LOCK_TIMEOUT, Database, DatabaseSession, Transaction
from infra.postgres.trading import order_lists, request_budget
from infra.postgres.users.set_aside_rows import SetAsideRow
from infra.workflows import isolation

log = logging.getLogger(__name__)

# Of one run, for all orders of a user; what is left of them is the next run's, a minute later.
SECONDS_PER_USER = 10.0


@dataclass
class OrderByOrder:
    """What became of a run's orders: which were set aside, and whose have to wait for the next."""

    database: Database
    failed: dict[UUID, str] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)

    def read(self, ids: Sequence[UUID]) -> list[Order]:
        """Read orders; what cannot be read is set aside."""
        found, failed = isolation.read(self.database, ids, order_lists.of_ids)
        self.failed |= failed
        return found

    def as_many_as_may_be(self, orders: Sequence[Order], now: datetime) -> list[Order]:
        """Choose the orders for each of which a request may be made now; the rest has its turn."""
        if not orders:
            return []
        with self.database.transaction() as tx:
            count = request_budget.take_beside_orders(tx, len(orders), now)
        return in_turn(orders, count, now)

    def count(self, orders: Sequence[Order], step: Callable[[Order], bool]) -> int:
        """Take a step with each order; return how many it had an effect on.

        An order with which it fails is set aside for the rest of the run. A user whose orders took
        too long, or whose row is locked, waits until the next run.
        """
        done: list[Order] = []

        def work(order: Order) -> None:
            if not self._must_wait(order) and self._timed(order, step):
                done.append(order)

        self.failed |= {order.id: reason for order, reason in isolation.one_by_one(orders, work)}
        return len(done)

    @staticmethod
    @contextmanager
    def with_lock_timeout(where: Database | DatabaseSession) -> Iterator[Transaction]:
        """Open a transaction that does not wait long for a row that somebody else has locked."""
        with where.transaction() as tx:
            tx.rows(f"SELECT {LOCK_TIMEOUT}")
            yield tx

    def record(self, now: datetime) -> None:
        """Remember what was set aside, and whose it is."""
        with self.database.transaction() as tx:
            owners = order_lists.owners(tx, list(self.failed)) if self.failed else {}
            rows = [
                SetAsideRow(str(order_id), self.failed[order_id], *owner)
                for order_id, owner in owners.items()
            ]
            isolation.set_aside(tx, "order", rows, now)

    def _must_wait(self, order: Order) -> bool:
        user = order.firebase_uid
        is_over = self.spent.get(user, 0.0) > SECONDS_PER_USER
        return order.id in self.failed or user in self.locked or is_over

    def _timed(self, order: Order, step: Callable[[Order], bool]) -> bool:
        begun = time.monotonic()
        try:
            return step(order)
        except LockedError:
            self.locked.add(order.firebase_uid)
            log.warning("order %s: its user is busy, it is looked at again later", order.id)
            return False
        finally:
            took = time.monotonic() - begun
            self.spent[order.firebase_uid] = self.spent.get(order.firebase_uid, 0.0) + took
