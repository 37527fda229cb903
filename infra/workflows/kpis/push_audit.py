"""The record of pushes: a row of `snapshot_pushes` and a log line for each that was asked for."""

import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from common.errors import TradingError
from common.snapshot import SnapshotTooLargeError
from infra.postgres.dashboard import snapshot_pushes
from infra.postgres.dashboard.snapshot_pushes import Push, Result
from infra.postgres.database import DatabaseSession, Transaction
from infra.runtime import redaction
from infra.workflows.kpis.snapshot import Built

log = logging.getLogger(__name__)

# The event of each result; any other is a failure, which raises an alert.
_EVENTS = {
    **dict.fromkeys(("accepted", "unchanged", "stored_in_d1"), "snapshot_pushed"),
    **dict.fromkeys(("superseded", "already_running"), "snapshot_not_sent"),
    "skipped": "snapshot_skipped",
}


def record(tx: Transaction, built: Built, result: Result) -> int:
    """Record a push of what was built; return the row's id. What is sent is logged later."""
    push = Push(
        report_date=built.snapshot.date,
        updated_at=built.updated_at,
        body_sha256=built.body_sha256,
        content_sha256=built.content_sha256,
        body_bytes=len(built.body),
        missing=built.missing.to_json(),
    )
    if result != "sending":
        _log_built(built, result)
    return snapshot_pushes.store(tx, push, result)


def record_unbuilt(
    tx: Transaction, report_date: date, now: datetime, result: Result, error: str | None = None
) -> None:
    """Record and log a push for which nothing was built."""
    snapshot_pushes.store(tx, Push(report_date, now), result, error)
    _log(report_date, result, error=error)


def finish(
    session: DatabaseSession,
    push_id: int,
    built: Built,
    result: Result,
    *,
    request_id: str | None = None,
    error: str | None = None,
) -> None:
    """Record and log what came of a push."""
    with session.transaction() as tx:
        snapshot_pushes.finish(tx, push_id, result, request_id=request_id, error=error)
    _log_built(built, result, request_id=request_id, error=error)


@contextmanager
def failures_recorded(session: DatabaseSession, report_date: date, now: datetime) -> Iterator[None]:
    """Record and log whatever keeps a push from being sent, and raise it on."""
    try:
        yield
    except Exception as error:
        size = error.body_bytes if isinstance(error, SnapshotTooLargeError) else None
        result: Result = "failed" if size is None else "refused"
        push, message = Push(report_date, now, body_bytes=size), _message(error)
        _log(report_date, result, error=message)
        # Where the database itself failed there is only the log; the first error is raised.
        with contextlib.suppress(Exception), session.transaction() as tx:
            snapshot_pushes.store(tx, push, result, message)
        raise


def _log_built(built: Built, result: Result, **more: str | None) -> None:
    _log(built.snapshot.date, result, **built.counts(), **more)


def _log(report_date: date, result: Result, **more: object) -> None:
    event = _EVENTS.get(result, "snapshot_failed")
    log.log(
        logging.WARNING if more.get("error") else logging.INFO,
        "snapshot of %s: %s",
        report_date,
        result,
        extra={"event": event, "date": str(report_date), "result": result, **more},
    )


def _message(error: Exception) -> str:
    if isinstance(error, TradingError):
        return redaction.clean(str(error))
    return redaction.clean(f"{type(error).__name__}: {error}")
