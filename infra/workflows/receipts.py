"""Receipts of orders: what is stored of an order, as one document to be signed."""

from datetime import datetime
from uuid import UUID

from common.receipts.receipt import Receipt, receipt_of
from infra.postgres.database import Transaction
from infra.postgres.trading import traces
from infra.postgres.user_transaction import UserTransaction


def read(tx: UserTransaction, firebase_uid: str, order_id: UUID, now: datetime) -> Receipt | None:
    """Read the receipt of an order of the transaction's user.

    Another user's is none, and one that rests on no terms has none: somebody else inserted it.
    """
    trace = traces.read(tx, firebase_uid, order_id)
    consent = traces.consent(tx, firebase_uid, order_id)
    if trace is None or consent is None or consent["consented"] is None:
        return None
    return receipt_of(trace, {"firebase_uid": firebase_uid, **consent}, now)


def of_any_user(tx: Transaction, order_id: UUID, now: datetime) -> Receipt | None:
    """Read the receipt of an order for an operator, as `read` does for its user."""
    owner = traces.owner_of(tx, order_id)
    return read(UserTransaction(tx, owner), owner, order_id, now) if owner else None
