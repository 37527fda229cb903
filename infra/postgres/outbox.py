"""Messages stored in the transaction of what they announce."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common.messages import Message
from infra.postgres.database import Transaction


@dataclass(frozen=True)
class Stored:
    """An outbox row: `payload` is the message's JSON."""

    id: int
    topic: str
    ordering_key: str
    payload: str


def add(tx: Transaction, message: Message, ordering_key: str, now: datetime) -> None:
    """Store a message; it is published after the transaction commits."""
    tx.run(
        "INSERT INTO outbox (topic, ordering_key, payload, created_at)"
        " VALUES (:topic, :ordering_key, CAST(:payload AS jsonb), :now)",
        topic=message.topic,
        ordering_key=ordering_key,
        payload=message.model_dump_json(),
        now=now,
    )


def lock_unpublished(tx: Transaction, limit: int) -> list[Stored]:
    """Take the oldest unpublished messages that nobody else is publishing."""
    rows = tx.rows(
        """
        SELECT id, topic, ordering_key, CAST(payload AS text) AS payload FROM outbox
        WHERE published_at IS NULL ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
        """,
        limit=limit,
    )
    return [Stored(**row) for row in rows]


def mark_published(tx: Transaction, ids: Sequence[int], now: datetime) -> None:
    """Remember that these messages went out."""
    tx.run(
        "UPDATE outbox SET published_at = :now WHERE id = ANY(CAST(:ids AS bigint[]))",
        now=now,
        ids=list(ids),
    )
