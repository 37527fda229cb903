"""The bus's store: messages, deliveries to come, and dead letters, in SQLite."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    message_id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    data TEXT NOT NULL,
    attributes TEXT NOT NULL,
    ordering_key TEXT NOT NULL,
    publish_time TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    delivery_id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL REFERENCES messages,
    subscription TEXT NOT NULL,
    attempts INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS dead_letters (
    message_id INTEGER NOT NULL REFERENCES messages,
    subscription TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    last_error TEXT NOT NULL
);
"""
_MESSAGE = "message_id, topic, data, attributes, ordering_key, publish_time"


@dataclass(frozen=True)
class Draft:
    """A message before it was given its id. `data` is base64, an empty key means no order."""

    data: str
    attributes: Mapping[str, str]
    ordering_key: str


@dataclass(frozen=True)
class PublishedMessage(Draft):
    """A published message. `publish_time` is RFC 3339 in UTC."""

    message_id: str
    topic: str
    publish_time: str


@dataclass(frozen=True)
class Delivery:
    """One message to deliver to one subscription, and how many attempts have failed so far."""

    delivery_id: int
    subscription: str
    attempts: int
    message: PublishedMessage


@dataclass(frozen=True)
class DeadLetter:
    """A message that a subscription never accepted, kept for a person."""

    message: PublishedMessage
    subscription: str
    attempts: int
    last_error: str


class BusStore:
    """Every method commits before it returns. Not for concurrent use: its caller holds a lock."""

    def __init__(self, database: Path | None) -> None:
        """Open the file, or a database in memory, and forget what was delivered to everyone."""
        self._db = sqlite3.connect(database or ":memory:", check_same_thread=False)
        # Survives the death of this process; only a power cut could lose the last commits.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        with self._db:
            self._db.execute(
                "DELETE FROM messages WHERE message_id NOT IN (SELECT message_id FROM deliveries)"
                " AND message_id NOT IN (SELECT message_id FROM dead_letters)"
            )

    def publish(
        self, topic: str, drafts: Iterable[Draft], publish_time: str, subscriptions: Sequence[str]
    ) -> tuple[list[PublishedMessage], list[Delivery]]:
        """Store new messages and their deliveries in one transaction."""
        with self._db:
            messages = [self._insert(topic, draft, publish_time) for draft in drafts]
            return messages, [
                self._add_delivery(one, name) for one in messages for name in subscriptions
            ]

    def publish_again(
        self, message: PublishedMessage, subscriptions: Sequence[str]
    ) -> list[Delivery]:
        """Deliver a message once more to all; take it out of the dead letters if it is there."""
        with self._db:
            self._db.execute(
                "DELETE FROM dead_letters WHERE message_id = ?", (int(message.message_id),)
            )
            return [self._add_delivery(message, name) for name in subscriptions]

    def find(self, message_id: str) -> PublishedMessage:
        """Return a message; KeyError if it is unknown or forgotten."""
        query = f"SELECT {_MESSAGE} FROM messages WHERE message_id = ?"
        row = self._db.execute(query, (int(message_id),)).fetchone()
        if row is None:
            raise KeyError(message_id)
        return _message(row)

    def undelivered(self, subscriptions: Iterable[str]) -> list[Delivery]:
        """Return what these subscriptions have not acked, oldest first."""
        rows = self._db.execute(
            f"SELECT delivery_id, subscription, attempts, {_MESSAGE}"
            " FROM deliveries JOIN messages USING (message_id) ORDER BY delivery_id"
        )
        known = set(subscriptions)
        return [
            Delivery(delivery_id, name, attempts, _message(columns))
            for delivery_id, name, attempts, *columns in rows
            if name in known
        ]

    def settle(self, delivery: Delivery) -> None:
        """Forget an acked delivery."""
        with self._db:
            self._delete(delivery)

    def count_failure(self, delivery: Delivery) -> None:
        """Remember the number of attempts, so that a restart does not begin anew."""
        with self._db:
            self._db.execute(
                "UPDATE deliveries SET attempts = ? WHERE delivery_id = ?",
                (delivery.attempts, delivery.delivery_id),
            )

    def bury(self, delivery: Delivery, error: str) -> None:
        """Move a delivery to the dead letters."""
        letter = (int(delivery.message.message_id), delivery.subscription, delivery.attempts, error)
        with self._db:
            self._db.execute("INSERT INTO dead_letters VALUES (?, ?, ?, ?)", letter)
            self._delete(delivery)

    def dead_letters(self) -> list[DeadLetter]:
        """Return what was given up, oldest first."""
        rows = self._db.execute(
            f"SELECT subscription, attempts, last_error, {_MESSAGE}"
            " FROM dead_letters JOIN messages USING (message_id) ORDER BY dead_letters.rowid"
        )
        return [
            DeadLetter(_message(columns), name, attempts, error)
            for name, attempts, error, *columns in rows
        ]

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _insert(self, topic: str, draft: Draft, publish_time: str) -> PublishedMessage:
        attributes = dict(draft.attributes)
        values = (topic, draft.data, json.dumps(attributes), draft.ordering_key, publish_time)
        cursor = self._db.execute("INSERT INTO messages VALUES (NULL, ?, ?, ?, ?, ?)", values)
        return PublishedMessage(
            draft.data, attributes, draft.ordering_key, str(cursor.lastrowid), topic, publish_time
        )

    def _add_delivery(self, message: PublishedMessage, subscription: str) -> Delivery:
        values = (int(message.message_id), subscription)
        cursor = self._db.execute("INSERT INTO deliveries VALUES (NULL, ?, ?, 0)", values)
        return Delivery(cursor.lastrowid or 0, subscription, 0, message)

    def _delete(self, delivery: Delivery) -> None:
        self._db.execute("DELETE FROM deliveries WHERE delivery_id = ?", (delivery.delivery_id,))


def _message(row: Sequence[Any]) -> PublishedMessage:
    """Read the columns of `_MESSAGE`."""
    message_id, topic, data, attributes, ordering_key, publish_time = row
    return PublishedMessage(
        data, json.loads(attributes), ordering_key, str(message_id), topic, publish_time
    )
