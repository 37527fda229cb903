"""Messages that no retry can help, kept for a person, who may put them back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from infra.postgres.database import Transaction

_COLUMNS = """
    SELECT id, consumer, topic, message_id, ordering_key, payload, error, attempts, created_at,
           retried_at
    FROM dead_letters
"""


@dataclass(frozen=True)
class DeadLetter:
    """A message, who gave it up, and why."""

    consumer: str
    topic: str
    message_id: str
    ordering_key: str
    payload: str
    error: str


@dataclass(frozen=True)
class StoredDeadLetter(DeadLetter):
    """A kept message. `attempts` counts how often it was given up."""

    id: int
    attempts: int
    created_at: datetime
    retried_at: datetime | None


def keep(tx: Transaction, given_up: DeadLetter, now: datetime) -> None:
    """Keep a message, once however often it is delivered; one that was retried is open again."""
    tx.run(
        """
        INSERT INTO dead_letters (consumer, topic, message_id, ordering_key, payload, error,
                                  created_at)
        VALUES (:consumer, :topic, :message_id, :ordering_key, :payload, :error, :now)
        ON CONFLICT (consumer, message_id) DO UPDATE
        SET attempts = dead_letters.attempts + 1, error = excluded.error, retried_at = NULL
        WHERE dead_letters.retried_at IS NOT NULL
        """,
        now=now,
        # A text of Postgres holds any character but this one.
        **{
            name: text.replace("\0", "\N{REPLACEMENT CHARACTER}")
            for name, text in vars(given_up).items()
        },
    )


def open_letters(tx: Transaction) -> list[StoredDeadLetter]:
    """Read what was kept and not retried since, oldest first."""
    return [
        StoredDeadLetter(**row)
        for row in tx.rows(_COLUMNS + " WHERE retried_at IS NULL ORDER BY id")
    ]


def count_open(tx: Transaction) -> int:
    """Count what was kept and not retried since."""
    count: int = tx.rows("SELECT count(*) AS n FROM dead_letters WHERE retried_at IS NULL")[0]["n"]
    return count


def read(tx: Transaction, letter_id: int) -> StoredDeadLetter | None:
    """Read a letter, retried or not."""
    row = tx.row(_COLUMNS + " WHERE id = :id", id=letter_id)
    return StoredDeadLetter(**row) if row else None


def retry(tx: Transaction, ids: Sequence[int], now: datetime) -> list[int]:
    """Put open letters back into the outbox, in their order; return the ids of those.

    A letter that is not JSON stays: no topic could carry it. `message_id` stays the same, so that
    readers who had the message drop it, and a new failure finds its letter.
    """
    rows = tx.rows(
        """
        WITH retried AS (
            UPDATE dead_letters SET retried_at = :now
            WHERE id = ANY(CAST(:ids AS bigint[])) AND retried_at IS NULL
              AND pg_input_is_valid(payload, 'jsonb')
            RETURNING *
        ), stored AS (
            INSERT INTO outbox (message_id, topic, ordering_key, payload, created_at)
            SELECT message_id, topic, ordering_key, CAST(payload AS json), :now
            FROM retried ORDER BY id
        )
        SELECT id FROM retried ORDER BY id
        """,
        ids=list(ids),
        now=now,
    )
    return [row["id"] for row in rows]
