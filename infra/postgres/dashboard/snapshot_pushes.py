"""The record of every push of a snapshot: what was sent, and what the dashboard may hold now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from infra.postgres import instants
from infra.postgres.database import Transaction, to_json

Result = Literal[
    "sending",
    "unknown",
    "accepted",
    "unchanged",
    "superseded",
    "already_running",
    "skipped",
    "failed",
    "refused",
    "unreachable",
    "stored_in_d1",
]


@dataclass(frozen=True)
class Push:
    """A push of a day's snapshot that was asked for; what was not built has no body."""

    report_date: date
    updated_at: datetime
    body_sha256: str | None = None
    content_sha256: str | None = None
    body_bytes: int | None = None
    missing: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class LastPush:
    """What the dashboard may hold of a day: the newest attempt that it did not refuse."""

    updated_at: datetime
    content_sha256: str
    result: Result


def last_push(tx: Transaction, report_date: date, now: datetime) -> LastPush | None:
    """Read what the dashboard may hold of a day; None when nothing was ever sent.

    Attempts of unknown result count: a lost answer does not mean that nothing arrived. One that is
    more than a day ahead of us was not sent by us: it would stop every push to come.
    """
    row = tx.row(
        f"""
        SELECT updated_at, content_sha256, result FROM snapshot_pushes
        WHERE report_date = :day
          AND result IN ('sending', 'unknown', 'accepted', 'unreachable', 'stored_in_d1')
          AND updated_at {instants.HAS_COME}
        ORDER BY updated_at DESC, id DESC LIMIT 1
        """,
        day=report_date,
        now=now,
    )
    return LastPush(**row) if row else None


def give_up_lost(tx: Transaction) -> int:
    """Close the attempts of processes that died; only the holder of the push lock may ask."""
    return tx.run(
        """
        UPDATE snapshot_pushes
        SET result = 'unknown', error = 'the process ended before it recorded an answer'
        WHERE result = 'sending'
        """
    )


def store(tx: Transaction, push: Push, result: Result, error: str | None = None) -> int:
    """Record an attempt, before anything is sent; return its id."""
    row = tx.rows(
        """
        INSERT INTO snapshot_pushes (report_date, updated_at, body_sha256, content_sha256,
                                     body_bytes, missing, result, error)
        VALUES (:report_date, :updated_at, :body_sha256, :content_sha256, :body_bytes,
                CAST(:missing AS jsonb), :result, :error)
        RETURNING id
        """,
        report_date=push.report_date,
        updated_at=push.updated_at,
        body_sha256=push.body_sha256,
        content_sha256=push.content_sha256,
        body_bytes=push.body_bytes,
        missing=None if push.missing is None else to_json(push.missing),
        result=result,
        error=error,
    )
    return int(row[0]["id"])


def finish(
    tx: Transaction,
    push_id: int,
    result: Result,
    *,
    request_id: str | None = None,
    error: str | None = None,
) -> None:
    """Record what came of an attempt."""
    tx.run(
        "UPDATE snapshot_pushes SET result = :result, request_id = :request_id, error = :error"
        " WHERE id = :id",
        id=push_id,
        result=result,
        request_id=request_id,
        error=error,
    )
