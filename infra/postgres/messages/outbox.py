"""Messages stored in the transaction of what they announce."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common.messages import Message
from infra.postgres.database import LOCK_TIMEOUT, Row, Transaction


@dataclass(frozen=True)
class OutboxMessage:
    """An outbox row: `payload` is the message's JSON, `message_id` what readers deduplicate by."""

    id: int
    message_id: str
    topic: str
    ordering_key: str
    payload: str


@dataclass(frozen=True)
class Lanes:
    """Lanes of a topic that one relay holds."""

    topic: str
    numbers: Sequence[int]


# As in the table's definition.
_LANES = 32
_LANE_OF_KEY = f"hashtext(:key) & {_LANES - 1}"
# So that several relays find lanes of one topic, and each still fills its requests.
_LANES_A_RELAY = 8
# Of payloads, which grow by a third on the wire; Pub/Sub takes 10 MB a request.
_BYTES_A_REQUEST = 6_000_000


def _lock_of(topic: str, lane: str) -> str:
    """Return the key of the lock on a lane of a topic: whoever publishes from it holds this."""
    return f"hashtextextended('outbox ' || {topic}, {lane})"


_WAITING = """
    SELECT topic, array_agg(lane) AS lanes
    FROM unnest(CAST(:topics AS text[])) WITH ORDINALITY AS t (topic, place)
    CROSS JOIN generate_series(0, :lanes - 1) AS l (lane)
    CROSS JOIN LATERAL (
        SELECT FROM outbox o WHERE o.topic = t.topic AND o.lane = l.lane AND published_at IS NULL
        ORDER BY id LIMIT 1
    ) AS any_message
    GROUP BY topic, place ORDER BY place
"""
# After the oldest messages, wherever they were found.
_TAKE = """
        , fitting AS (
            SELECT id FROM (
                SELECT id, row_number() OVER oldest_first AS place,
                       sum(bytes) OVER oldest_first AS bytes
                FROM oldest WINDOW oldest_first AS (ORDER BY id)
            ) AS measured
            WHERE place = 1 OR bytes <= :bytes
        )
        UPDATE outbox SET published_at = :now WHERE id = ANY(ARRAY(SELECT id FROM fitting))
        RETURNING id, message_id, topic, ordering_key, CAST(payload AS text) AS payload
"""


def add(tx: Transaction, message: Message, ordering_key: str, now: datetime) -> None:
    """Store a message; it is published after the transaction commits."""
    tx.run(
        "INSERT INTO outbox (topic, ordering_key, payload, created_at)"
        " VALUES (:topic, :ordering_key, CAST(:payload AS json), :now)",
        topic=message.topic,
        ordering_key=ordering_key,
        payload=message.model_dump_json(),
        now=now,
    )


def claim(tx: Transaction, topics: Sequence[str]) -> Lanes | None:
    """Become the only relay of lanes that have something to publish, until the transaction ends.

    All are of one topic, the first in `topics` that has a lane to give. None when nothing waits, or
    when whatever does has its relay already. What waits is found before anything is locked, so that
    no lock is held on a lane that is not returned.
    """
    for waiting in tx.rows(_WAITING, topics=list(topics), lanes=_LANES):
        locked = tx.rows(
            f"""
            SELECT lane FROM unnest(CAST(:lanes AS integer[])) AS lane
            WHERE pg_try_advisory_xact_lock({_lock_of(":topic", "lane")})
            LIMIT :most
            """,
            topic=waiting["topic"],
            lanes=waiting["lanes"],
            most=_LANES_A_RELAY,
        )
        if locked:
            return Lanes(waiting["topic"], [row["lane"] for row in locked])
    return None


def take(tx: Transaction, lanes: Lanes, limit: int, now: datetime) -> list[OutboxMessage]:
    """Mark the oldest unpublished messages of claimed lanes as published, and return them.

    No more than `limit`, nor more than fit into one request, but one at least.
    """
    rows = tx.rows(
        f"""
        WITH oldest AS (
            SELECT message.* FROM unnest(CAST(:lanes AS integer[])) AS claimed (lane)
            CROSS JOIN LATERAL (
                SELECT id, octet_length(CAST(payload AS text)) AS bytes FROM outbox o
                WHERE o.topic = :topic AND o.lane = claimed.lane AND published_at IS NULL
                ORDER BY id LIMIT :limit
            ) AS message
        ) {_TAKE}
        """,
        topic=lanes.topic,
        lanes=list(lanes.numbers),
        limit=max(1, limit // len(lanes.numbers)),
        bytes=_BYTES_A_REQUEST,
        now=now,
    )
    return _messages(rows)


def claim_of_key(tx: Transaction, ordering_key: str, topics: Sequence[str]) -> list[str]:
    """Wait for the lanes in which messages of a key are unpublished; name their topics.

    In the order given. Raises TransientError when another relay holds a lane for longer than a
    request takes: then it looks again before it ends, and finds them.
    """
    rows = tx.rows(
        f"""
        SELECT topic, {LOCK_TIMEOUT},
               pg_advisory_xact_lock({_lock_of("topic", _LANE_OF_KEY)})
        FROM (
            SELECT t.topic
            FROM unnest(CAST(:topics AS text[])) WITH ORDINALITY AS t (topic, place)
            CROSS JOIN LATERAL (
                SELECT FROM outbox o
                WHERE o.ordering_key = :key AND o.topic = t.topic AND published_at IS NULL
                ORDER BY id LIMIT 1
            ) AS any_message
            ORDER BY place
        ) AS waiting
        """,
        topics=list(topics),
        key=ordering_key,
    )
    return [row["topic"] for row in rows]


def take_of_key(
    tx: Transaction, topic: str, ordering_key: str, limit: int, now: datetime
) -> list[OutboxMessage]:
    """Mark the oldest unpublished messages of a key as published, and return them, as `take`."""
    rows = tx.rows(
        f"""
        WITH oldest AS (
            SELECT id, octet_length(CAST(payload AS text)) AS bytes FROM outbox o
            WHERE o.ordering_key = :key AND o.topic = :topic AND published_at IS NULL
            ORDER BY id LIMIT :limit
        ) {_TAKE}
        """,
        key=ordering_key,
        topic=topic,
        limit=limit,
        bytes=_BYTES_A_REQUEST,
        now=now,
    )
    return _messages(rows)


def take_misdirected(
    tx: Transaction, topics: Sequence[str], limit: int, now: datetime
) -> list[OutboxMessage]:
    """Take unpublished messages on topics that there are not, which no relay would ever take."""
    rows = tx.rows(
        """
        -- From one topic to the next by the index, whatever the number of messages.
        WITH RECURSIVE known AS (
            (SELECT topic FROM outbox WHERE published_at IS NULL ORDER BY topic LIMIT 1)
            UNION ALL
            SELECT (SELECT o.topic FROM outbox o
                    WHERE o.published_at IS NULL AND o.topic > known.topic
                    ORDER BY o.topic LIMIT 1)
            FROM known WHERE known.topic IS NOT NULL
        )
        UPDATE outbox SET published_at = :now WHERE id = ANY(ARRAY(
            SELECT o.id FROM known JOIN outbox o USING (topic)
            WHERE o.published_at IS NULL AND topic <> ALL(CAST(:topics AS text[])) LIMIT :limit))
        RETURNING id, message_id, topic, ordering_key, CAST(payload AS text) AS payload
        """,
        topics=list(topics),
        limit=limit,
        now=now,
    )
    return _messages(rows)


def put_back(tx: Transaction, taken: Sequence[OutboxMessage]) -> None:
    """Leave messages that were taken to the next relay."""
    tx.run(
        "UPDATE outbox SET published_at = NULL WHERE id = ANY(CAST(:ids AS bigint[]))",
        ids=[each.id for each in taken],
    )


def remove(tx: Transaction, refused: OutboxMessage) -> None:
    """Forget a message that was moved to the dead letters."""
    tx.run("DELETE FROM outbox WHERE id = :id", id=refused.id)


def _messages(rows: Sequence[Row]) -> list[OutboxMessage]:
    return sorted((OutboxMessage(**row) for row in rows), key=lambda each: each.id)
