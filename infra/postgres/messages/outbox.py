"""Messages stored in the transaction of what they announce."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common.messages import Message
from infra.postgres.database import Transaction


@dataclass(frozen=True)
class OutboxMessage:
    """An outbox row: `payload` is the message's JSON, `message_id` what readers deduplicate by."""

    id: int
    message_id: str
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


def claim(tx: Transaction, topics: Sequence[str]) -> str | None:
    """Become the only relay of a topic that has something to publish, until the transaction ends.

    None when there is nothing, or when whatever there is has its relay already. What waits is
    found before anything is locked, so that no lock is held on a topic that is not returned.
    """
    row = tx.row(
        """
        WITH waiting AS MATERIALIZED (
            SELECT t.topic FROM unnest(CAST(:topics AS text[])) AS t (topic)
            CROSS JOIN LATERAL (
                SELECT FROM outbox o WHERE o.topic = t.topic AND o.published_at IS NULL LIMIT 1
            ) AS any_message
        )
        SELECT topic FROM waiting
        WHERE pg_try_advisory_xact_lock(hashtextextended('outbox ' || topic, 0)) LIMIT 1
        """,
        topics=list(topics),
    )
    return row["topic"] if row else None


def take(tx: Transaction, topic: str, limit: int, now: datetime) -> list[OutboxMessage]:
    """Mark the oldest unpublished messages of a claimed topic as published, and return them."""
    rows = tx.rows(
        """
        UPDATE outbox SET published_at = :now
        WHERE id = ANY(ARRAY(SELECT id FROM outbox WHERE topic = :topic AND published_at IS NULL
                             ORDER BY id LIMIT :limit))
        RETURNING id, message_id, topic, ordering_key, CAST(payload AS text) AS payload
        """,
        topic=topic,
        limit=limit,
        now=now,
    )
    return sorted((OutboxMessage(**row) for row in rows), key=lambda each: each.id)


def put_back(tx: Transaction, taken: Sequence[OutboxMessage]) -> None:
    """Leave messages that were taken to the next relay."""
    tx.run(
        "UPDATE outbox SET published_at = NULL WHERE id = ANY(CAST(:ids AS bigint[]))",
        ids=[each.id for each in taken],
    )


def remove(tx: Transaction, refused: OutboxMessage) -> None:
    """Forget a message that was moved to the dead letters."""
    tx.run("DELETE FROM outbox WHERE id = :id", id=refused.id)
