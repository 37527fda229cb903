"""Questions as they stand, and how they were decided."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common.questions import Answer, Confirmation, Decision, Terms
from infra.postgres.database import Row, Transaction

_COLUMNS = """
    SELECT c.question_id, c.firebase_uid, c.status, c.expires_at, c.decided_at,
           c.opportunity_id, q.metadata
    FROM confirmations c JOIN questions q ON q.id = c.question_id
    WHERE c.question_id = :question_id
"""


@dataclass(frozen=True)
class Standing:
    """A confirmation with the terms that its user was shown."""

    confirmation: Confirmation
    terms: Terms
    opportunity_id: UUID


def lock(tx: Transaction, question_id: UUID) -> Standing | None:
    """Read a question and keep everyone else from deciding it until the transaction ends."""
    return _standing(tx.row(_COLUMNS + " FOR UPDATE OF c", question_id=question_id))


def read(tx: Transaction, question_id: UUID) -> Standing | None:
    """Read a question."""
    return _standing(tx.row(_COLUMNS, question_id=question_id))


def decide(tx: Transaction, answer: Answer, decision: Decision, now: datetime) -> None:
    """Store a decision; the row is locked and pending."""
    changed = tx.run(
        """
        UPDATE confirmations
        SET status = :status, answer = :answer, answered_at = :answered_at, decided_at = :now
        WHERE question_id = :question_id AND status = 'pending'
        """,
        status=decision.value,
        answer=answer.answer,
        answered_at=answer.answered_at,
        question_id=answer.question_id,
        now=now,
    )
    if changed != 1:
        raise AssertionError(f"question {answer.question_id} was not pending under its lock")


def expire_due(tx: Transaction, now: datetime) -> int:
    """Close the questions that nobody answered in time; return how many."""
    return tx.run(
        "UPDATE confirmations SET status = 'expired', decided_at = :now"
        " WHERE status = 'pending' AND expires_at < :now",
        now=now,
    )


def _standing(row: Row | None) -> Standing | None:
    if row is None:
        return None
    return Standing(
        Confirmation(
            question_id=row["question_id"],
            firebase_uid=row["firebase_uid"],
            status=row["status"],
            expires_at=row["expires_at"],
            decided_at=row["decided_at"],
        ),
        Terms.from_document(row["metadata"]),
        row["opportunity_id"],
    )
