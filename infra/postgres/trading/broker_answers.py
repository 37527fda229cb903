"""The broker's answers that orders in flight share (`broker_answers`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from infra.postgres.database import Transaction, to_json


def read(
    tx: Transaction, order_id: UUID, after: datetime, assets_after: datetime
) -> dict[str, Any]:
    """Read the answers that were given after an instant and count for an order, by their paths.

    What an asset is changes seldom: such an answer counts for every order, after an instant of its
    own.
    """
    rows = tx.rows(
        """
        SELECT path, answer FROM broker_answers
        WHERE CASE WHEN path LIKE '/v2/assets/%' THEN read_at > :assets_after
                   ELSE read_at > :after AND CAST(:order_id AS uuid) = ANY(counts_for) END
        """,
        order_id=order_id,
        after=after,
        assets_after=assets_after,
    )
    return {row["path"]: row["answer"] for row in rows}


def store(
    tx: Transaction, answers: Mapping[str, Any], counts_for: Sequence[UUID], now: datetime
) -> None:
    """Keep the newest answer to each question, and for which orders it counts.

    Those are the orders that were approved before it was asked for.
    """
    if not answers:
        return
    rows = [{"path": path, "answer": answers[path]} for path in sorted(answers)]
    tx.run(
        """
        INSERT INTO broker_answers (path, answer, read_at, counts_for)
        SELECT path, answer, :now, CAST(:counts_for AS uuid[])
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (path text, answer jsonb)
        ON CONFLICT (path) DO UPDATE
        SET (answer, read_at, counts_for)
            = (excluded.answer, excluded.read_at, excluded.counts_for)
        WHERE broker_answers.read_at <= excluded.read_at
        """,
        rows=to_json(rows),
        counts_for=list(counts_for),
        now=now,
    )
