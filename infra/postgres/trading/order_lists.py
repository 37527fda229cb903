"""Which orders there are to bring on, and many of them read at once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, TypeAdapter, ValidationError

from common.errors import MalformedMessageError
from common.model import problems
from common.orders.order import Order
from common.orders.status import APPROVED, ENDED_BY_BROKER, IN_TRANSIT, KNOWN, SUBMITTING
from infra.postgres.database import Row, Transaction
from infra.postgres.trading.order_columns import IS_OPEN, SELECT

_ORDERS = TypeAdapter(list[Order], config=ConfigDict(defer_build=True))


def open_ids(tx: Transaction, firebase_uid: str | None = None) -> list[UUID]:
    """Name what the broker has or may have and can still change, of a user or of everybody."""
    rows = tx.rows(
        f"""
        SELECT id FROM trade_orders
        WHERE {IS_OPEN} AND status <> :approved
          AND (CAST(:uid AS text) IS NULL OR firebase_uid = :uid)
        ORDER BY created_at
        """,
        uid=firebase_uid,
        approved=APPROVED,
    )
    return [row["id"] for row in rows]


def lately_ended_ids(tx: Transaction, since: datetime) -> list[UUID]:
    """Name what the broker ended unfilled since an instant: an execution may still be reported."""
    rows = tx.rows(
        """
        SELECT id FROM trade_orders
        WHERE status = ANY(CAST(:ended AS text[])) AND updated_at >= :since
          AND alpaca_order_id IS NOT NULL
        ORDER BY created_at
        """,
        ended=sorted(ENDED_BY_BROKER - {"filled"}),
        since=since,
    )
    return [row["id"] for row in rows]


def ids_of(tx: Transaction, client_order_ids: Sequence[str]) -> list[UUID]:
    """Name our orders among those that have these ids at the broker."""
    rows = tx.rows(
        "SELECT id FROM trade_orders WHERE client_order_id = ANY(CAST(:ids AS text[]))",
        ids=list(client_order_ids),
    )
    return [row["id"] for row in rows]


def approved_ids(tx: Transaction, *, at_most: int | None = None) -> list[UUID]:
    """Name the approved orders that nobody has claimed yet, the oldest first."""
    rows = tx.rows(
        "SELECT id FROM trade_orders WHERE status = :approved ORDER BY created_at, id"
        " LIMIT :at_most",
        approved=APPROVED,
        at_most=at_most,
    )
    return [row["id"] for row in rows]


def of_ids(tx: Transaction, ids: Sequence[UUID]) -> list[Order]:
    """Read orders, the oldest first; raises MalformedMessageError when one is no order."""
    rows = tx.rows(
        SELECT + " WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY created_at", ids=list(ids)
    )
    try:
        return _ORDERS.validate_python(rows)
    except ValidationError as error:
        raise MalformedMessageError(*problems(error)) from error


def owners(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, tuple[str, str, str]]:
    """Read owner, symbol and rule of orders, whatever else is wrong with them."""
    rows = tx.rows(
        "SELECT id, firebase_uid, symbol, rule_id FROM trade_orders"
        " WHERE id = ANY(CAST(:ids AS uuid[]))",
        ids=list(ids),
    )
    return {row["id"]: (row["firebase_uid"], row["symbol"], row["rule_id"]) for row in rows}


def stuck(tx: Transaction, before: datetime) -> list[Row]:
    """Read the orders that should have made progress before an instant.

    Those are ours, those in transit, and those whose status is a word that nobody knows.
    """
    return tx.rows(
        f"""
        SELECT id, status, to_json(since) #>> '{{}}' AS since
        FROM (SELECT id, status,
                     CASE WHEN status IN (:approved, :submitting)
                          THEN coalesce(reserved_at, created_at) ELSE updated_at END AS since
              FROM trade_orders WHERE {IS_OPEN}) AS orders
        WHERE orders.since < :before AND (status = ANY(CAST(:watched AS text[]))
                                   OR status <> ALL(CAST(:known AS text[]))) ORDER BY orders.since
        """,
        before=before,
        approved=APPROVED,
        submitting=SUBMITTING,
        watched=[APPROVED, SUBMITTING, *sorted(IN_TRANSIT)],
        known=[APPROVED, SUBMITTING, *sorted(KNOWN)],
    )
