"""What the database knows of how a user's trading stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common.market import Session
from infra.postgres.database import Row, Transaction
from infra.postgres.trading import exposure


@dataclass(frozen=True)
class Waiting:
    """What of a user's waits: unanswered questions, and orders whose outcome is not known yet."""

    pending_questions: int
    outcome_pending: list[UUID]


def waiting(tx: Transaction, firebase_uid: str, now: datetime) -> Waiting:
    """Count and name it, without locking anything."""
    row = tx.rows(
        """
        SELECT CAST(:uid AS text) AS firebase_uid, count(*) AS questions FROM confirmations
        WHERE firebase_uid = :uid AND status = 'pending' AND expires_at >= :now
        """,
        uid=firebase_uid,
        now=now,
    )[0]
    return Waiting(row["questions"], exposure.outcome_pending(tx, firebase_uid, now))


def next_session(tx: Transaction, now: datetime) -> Session | None:
    """Read the session that runs or comes next; None when the calendar does not reach that far."""
    row = tx.row(
        """
        SELECT opens_at AS open, closes_at AS close FROM market_sessions
        WHERE closes_at > :now ORDER BY trading_day LIMIT 1
        """,
        now=now,
    )
    return Session(**row) if row else None


def last_ingest(tx: Transaction, input_keys: Sequence[str]) -> datetime | None:
    """Read when any of these inputs was last fetched."""
    row = tx.rows(
        "SELECT max(last_fetch_at) AS at FROM ingest_cursors"
        " WHERE input_key = ANY(CAST(:keys AS text[]))",
        keys=list(input_keys),
    )[0]
    at: datetime | None = row["at"]
    return at


def rules(tx: Transaction, firebase_uid: str, config_key: str) -> list[Row]:
    """Read the last outcome of each rule and symbol, and what keeps this user from being asked.

    The outcome is the same for all users of the config; positions are this user's.
    """
    return tx.rows(
        """
        SELECT CAST(:uid AS text) AS firebase_uid,
               r.rule_id, r.symbol, r.outcome, r.observed, r.evaluated_at,
               (SELECT max(p.fired_at) FROM opportunities p
                WHERE p.firebase_uid = :uid AND p.rule_id = r.rule_id AND p.symbol = r.symbol)
                   AS last_fired_at,
               EXISTS (SELECT FROM trades t
                       WHERE t.firebase_uid = :uid AND t.symbol = r.symbol
                         AND t.closed_at IS NULL) AS holds
        FROM rule_status r WHERE r.config_key = :config_key
        ORDER BY r.rule_id, r.symbol
        """,
        uid=firebase_uid,
        config_key=config_key,
    )


def asked(tx: Transaction, firebase_uid: str, now: datetime) -> list[Row]:
    """Read when each rule last fired for the user, and its question that they have not answered.

    What somebody wrote there that is no instant of ours is left out.
    """
    return tx.rows(
        """
        SELECT s.firebase_uid, fired.rule_id, fired.at AS fired_at, c.question_id
        FROM trading_cursors s
        CROSS JOIN LATERAL (
            SELECT key AS rule_id,
                   CASE WHEN pg_input_is_valid(value, 'timestamptz')
                        THEN CAST(value AS timestamptz) END AS at
            FROM jsonb_each_text(coalesce(s.context -> 'last_fired', '{}'))
        ) AS fired
        LEFT JOIN confirmations c
            ON c.firebase_uid = s.firebase_uid AND c.rule_id = fired.rule_id
           AND c.status = 'pending' AND c.expires_at >= :now
        WHERE s.firebase_uid = :uid AND fired.at BETWEEN '1970-01-01' AND '2200-01-01'
        """,
        uid=firebase_uid,
        now=now,
    )
