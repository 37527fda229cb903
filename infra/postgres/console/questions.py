"""Questions of all users, as the operator's console shows them."""

from datetime import datetime

from infra.postgres.database import Row, Transaction

_QUESTIONS = """
    SELECT c.question_id AS id, c.firebase_uid, c.rule_id, q.question_text AS text,
           c.asked_at, c.expires_at, c.answer, c.answered_at, c.decided_at,
           CASE WHEN c.status = 'pending' AND c.expires_at < :now THEN 'expired'
                ELSE c.status END AS status,
           q.metadata AS terms, o.id AS order_id, o.status AS order_status,
           o.denial_code, o.reason
    FROM confirmations c
    JOIN questions q ON q.id = c.question_id
    LEFT JOIN trade_orders o ON o.question_id = c.question_id
"""


def pending(tx: Transaction, now: datetime, limit: int) -> list[Row]:
    """Return the questions that can still be answered, what expires first comes first."""
    return tx.rows(
        _QUESTIONS
        + " WHERE c.status = 'pending' AND c.expires_at >= :now"
        + " ORDER BY c.expires_at, c.question_id LIMIT :limit",
        now=now,
        limit=limit,
    )


def settled(tx: Transaction, now: datetime, limit: int) -> list[Row]:
    """Return the newest questions that nobody can answer any more, and what became of each."""
    return tx.rows(
        _QUESTIONS
        + " WHERE c.status <> 'pending' OR c.expires_at < :now"
        + " ORDER BY c.asked_at DESC, c.question_id DESC LIMIT :limit",
        now=now,
        limit=limit,
    )
