"""Questions as their user sees them."""

from datetime import datetime

from infra.postgres.database import Transaction
from infra.postgres.pages import Cursor, Page, page

# What nobody answered in time has expired, also before it was closed.
_QUESTIONS = """
    SELECT * FROM (
        SELECT c.firebase_uid, c.question_id AS id, c.rule_id, q.question_text AS text,
               c.asked_at, c.expires_at,
               CASE WHEN c.status = 'pending' AND c.expires_at < :now THEN 'expired'
                    ELSE c.status END AS status,
               c.answer, c.answered_at, c.decided_at, q.metadata AS terms, o.id AS order_id
        FROM confirmations c
        JOIN questions q ON q.id = c.question_id
        LEFT JOIN trade_orders o ON o.question_id = c.question_id
        WHERE c.firebase_uid = :uid
    ) AS state
    WHERE CAST(:status AS text) IS NULL OR status = :status
"""


def of_user(
    tx: Transaction,
    firebase_uid: str,
    status: str | None,
    after: Cursor | None,
    limit: int,
    now: datetime,
) -> Page:
    """Read what a user was asked, newest first."""
    return page(tx, _QUESTIONS, "asked_at", after, limit, uid=firebase_uid, status=status, now=now)
