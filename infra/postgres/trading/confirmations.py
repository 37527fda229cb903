"""Questions as they stand, and how they were decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from common.messages import QuestionCreated
from common.questions import (
    Answer,
    Confirmation,
    Decision,
    Terms,
    consequence,
    follow_up_terms,
    waiting_step,
)
from infra.postgres.batches import in_batches
from infra.postgres.database import Database, Row, Transaction, to_json
from infra.postgres.messages import outbox

# At most so many questions are closed a call, in transactions of so many: a second or less each.
AT_ONCE, BATCHES = 5_000, 20

_COLUMNS = """
    SELECT c.question_id, c.firebase_uid, c.status, c.expires_at, c.decided_at,
           c.opportunity_id, c.follow_up_of, q.question_text, q.metadata
    FROM confirmations c JOIN questions q ON q.id = c.question_id
    WHERE c.question_id = :question_id
"""


@dataclass(frozen=True)
class QuestionState:
    """A confirmation with the text and the terms that its user was shown."""

    confirmation: Confirmation
    terms: Terms
    text: str
    opportunity_id: UUID
    is_follow_up: bool


def lock(tx: Transaction, question_id: UUID) -> QuestionState | None:
    """Read a question and keep everyone else from deciding it until the transaction ends."""
    return _state(tx.row(_COLUMNS + " FOR UPDATE OF c", question_id=question_id))


def read(tx: Transaction, question_id: UUID) -> QuestionState | None:
    """Read a question."""
    return _state(tx.row(_COLUMNS, question_id=question_id))


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


def follow_up(tx: Transaction, question: QuestionState, text: str, now: datetime) -> UUID | None:
    """Ask once more about the same, and announce it; return the new question's id.

    A question is followed up once, and not while another of its rule waits for an answer: then
    nothing is asked, and None returned.
    """
    question_id, asked = uuid4(), question.confirmation
    terms = follow_up_terms(question.terms, now)
    followed = tx.row(
        """
        WITH pending AS (
            INSERT INTO confirmations (question_id, opportunity_id, follow_up_of, firebase_uid,
                                       rule_id, asked_at, expires_at)
            VALUES (:id, :opportunity_id, :of, :uid, :rule_id, :now, :expires_at)
            ON CONFLICT DO NOTHING
            RETURNING question_id, follow_up_of
        )
        INSERT INTO trading_questions (id, firebase_uid, question_text, correct_answer, source_tag,
                               pipeline_key, pipeline_step, metadata)
        SELECT question_id, firebase_uid, :text, correct_answer, source_tag, pipeline_key,
               :pipeline_step, CAST(:terms AS jsonb)
        FROM pending JOIN questions q ON q.id = pending.follow_up_of
        RETURNING id
        """,
        id=question_id,
        opportunity_id=question.opportunity_id,
        of=asked.question_id,
        uid=asked.firebase_uid,
        rule_id=terms.rule_id,
        now=now,
        expires_at=terms.expires_at,
        text=text,
        pipeline_step=waiting_step(terms.rule_id),
        terms=terms.model_dump_json(),
    )
    if followed is None:
        return None
    announcement = QuestionCreated(
        **terms.model_dump(),
        question_id=question_id,
        firebase_uid=asked.firebase_uid,
        question_text=text,
        consequence=consequence(terms),
        follow_up_of=asked.question_id,
    )
    outbox.add(tx, announcement, asked.firebase_uid, now)
    return question_id


def follow_up_of(tx: Transaction, question_id: UUID) -> UUID | None:
    """Find the follow-up of a question."""
    row = tx.row("SELECT question_id FROM confirmations WHERE follow_up_of = :id", id=question_id)
    return row["question_id"] if row else None


def withdraw_obsolete(
    tx: Transaction, enabled_rules: Sequence[tuple[str, str]], at_most: int, now: datetime
) -> int:
    """Withdraw questions whose rule or user is enabled no more; return how many.

    `enabled_rules` are the (config key, rule id) of all enabled rules of enabled users. One that is
    being answered at this moment is left out, as by `withdraw_of_user`.
    """
    rules = [{"config_key": key, "rule_id": rule_id} for key, rule_id in enabled_rules]
    return tx.run(
        """
        -- Materialized: with a limit the planner would look it up anew for each question.
        WITH enabled AS MATERIALIZED (
            SELECT c.firebase_uid, r.rule_id FROM user_trading_config c
            JOIN jsonb_to_recordset(CAST(:rules AS jsonb)) AS r (config_key text, rule_id text)
              ON r.config_key = c.config_key
            WHERE c.enabled
        ), obsolete AS (
            SELECT p.question_id FROM confirmations p
            WHERE p.status = 'pending' AND NOT EXISTS (
                SELECT FROM enabled e
                WHERE e.firebase_uid = p.firebase_uid AND e.rule_id = p.rule_id)
            LIMIT :at_most FOR UPDATE OF p SKIP LOCKED
        )
        UPDATE confirmations c SET status = 'withdrawn', decided_at = :now
        FROM obsolete WHERE c.question_id = obsolete.question_id
        """,
        rules=to_json(rules),
        at_most=at_most,
        now=now,
    )


def withdraw_of_user(
    tx: Transaction, firebase_uid: str, enabled_rules: Sequence[str], now: datetime
) -> int:
    """Withdraw a user's questions of all other rules; return how many.

    One that is being answered at this moment is left to its answer: whoever answers holds the lock
    of the question and may want the user's, which the caller holds.
    """
    return tx.run(
        """
        UPDATE confirmations SET status = 'withdrawn', decided_at = :now
        WHERE question_id IN (
            SELECT question_id FROM confirmations
            WHERE firebase_uid = :uid AND status = 'pending'
              AND rule_id <> ALL(CAST(:rules AS text[]))
            FOR UPDATE SKIP LOCKED)
        """,
        uid=firebase_uid,
        rules=list(enabled_rules),
        now=now,
    )


def expire_due(database: Database, now: datetime) -> int:
    """Close the questions that nobody answered in time, the oldest first; return how many.

    One that is locked at this moment, and what is left of very many, is the next call's.
    """

    def expire(tx: Transaction, at_most: int) -> int:
        return tx.run(
            """
            WITH due AS (
                SELECT question_id FROM confirmations
                WHERE status = 'pending' AND expires_at < :now
                ORDER BY expires_at LIMIT :at_most FOR UPDATE SKIP LOCKED
            )
            UPDATE confirmations c SET status = 'expired', decided_at = :now
            FROM due WHERE c.question_id = due.question_id
            """,
            now=now,
            at_most=at_most,
        )

    return in_batches(database, expire, size=AT_ONCE, batches=BATCHES)


def _state(row: Row | None) -> QuestionState | None:
    if row is None:
        return None
    return QuestionState(
        Confirmation(
            question_id=row["question_id"],
            firebase_uid=row["firebase_uid"],
            status=row["status"],
            expires_at=row["expires_at"],
            decided_at=row["decided_at"],
        ),
        Terms.from_document(row["metadata"]),
        row["question_text"],
        row["opportunity_id"],
        row["follow_up_of"] is not None,
    )
