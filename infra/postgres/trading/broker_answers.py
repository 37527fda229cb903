"""The broker's answers that orders in flight share (`broker_answers`)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from infra.postgres.database import Transaction, to_json


def read(tx: Transaction, after: datetime, assets_after: datetime) -> dict[str, Any]:
    """Read the answers that were given after an instant, by what was asked for.

    What an asset is changes seldom: answers on assets have an instant of their own.
    """
    rows = tx.rows(
        """
        SELECT path, answer FROM broker_answers
        WHERE read_at > CASE WHEN path LIKE '/v2/assets/%'
                             THEN CAST(:assets_after AS timestamptz)
                             ELSE CAST(:after AS timestamptz) END
        """,
        after=after,
        assets_after=assets_after,
    )
    return {row["path"]: row["answer"] for row in rows}


def store(tx: Transaction, answers: Mapping[str, Any], now: datetime) -> None:
    """Keep the newest answer to each question."""
    rows = [{"path": path, "answer": answers[path]} for path in sorted(answers)]
    tx.run(
        """
        INSERT INTO broker_answers (path, answer, read_at)
        SELECT path, answer, :now
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (path text, answer jsonb)
        ON CONFLICT (path) DO UPDATE
        SET (answer, read_at) = (excluded.answer, excluded.read_at)
        WHERE broker_answers.read_at < excluded.read_at
        """,
        rows=to_json(rows),
        now=now,
    )
