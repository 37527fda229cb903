"""Reads many orders; one that is none costs itself alone."""

from collections.abc import Sequence
from uuid import UUID

from common.orders.order import Order
from infra.postgres.database import Database
from infra.postgres.trading import order_lists
from infra.workflows import isolation


def read(database: Database, ids: Sequence[UUID]) -> tuple[list[Order], dict[UUID, str]]:
    """Return the orders, all read at once if that works, and why the others cannot be read."""
    found: list[Order] = []

    def read_some(some: Sequence[UUID]) -> None:
        with database.transaction() as tx:
            found.extend(order_lists.of_ids(tx, some))

    return found, dict(isolation.isolated(ids, read_some))
