"""Messages that no retry can help, kept for a person."""

from datetime import datetime

from infra.postgres.database import Transaction


def keep(
    tx: Transaction, consumer: str, message_id: str, payload: str, error: str, now: datetime
) -> None:
    """Keep a message with the reason it was given up, once however often it is delivered."""
    tx.run(
        """
        INSERT INTO dead_letters (consumer, message_id, payload, error, created_at)
        VALUES (:consumer, :message_id, :payload, :error, :now)
        ON CONFLICT (consumer, message_id) DO NOTHING
        """,
        consumer=consumer,
        message_id=message_id,
        payload=payload,
        error=error,
        now=now,
    )
