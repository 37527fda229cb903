"""Sends a built snapshot: judge, record that it goes out, send, record what came of it."""

import logging
from dataclasses import dataclass

from common.errors import PermanentError, TransientError
from infra.dashboard.api import DashboardApi
from infra.dashboard.d1 import D1
from infra.postgres.dashboard import snapshot_pushes
from infra.postgres.dashboard.snapshot_pushes import LastPush, Push, Result
from infra.postgres.database import Session, Transaction
from infra.runtime.secrets import Secrets
from infra.runtime.settings import Settings
from infra.workflows.kpi_snapshot import Built

log = logging.getLogger(__name__)

# Two posts for one date at the same moment would mix on the other side (kpis.md section 1).
LOCK = "push_snapshot"


@dataclass(frozen=True)
class PushOutcome:
    """What came of a push that did not fail; `status` is for people."""

    status: str
    request_id: str | None = None


@dataclass(frozen=True)
class DashboardClients:
    """The dashboard's API, and its database for when the API is unreachable (None: no such way)."""

    api: DashboardApi
    d1: D1 | None


def dashboard_clients(settings: Settings, secrets: Secrets) -> DashboardClients:
    """Open the dashboard's API and, where it is configured, its database."""
    api = DashboardApi(
        settings.require("haiphen_api_url"),
        settings.snapshot_endpoint,
        secrets.provider("internal_token"),
        secrets.provider("signing_secret"),
        deadline_seconds=settings.snapshot_deadline_seconds,
    )
    if not settings.d1_database_id:
        return DashboardClients(api, None)
    return DashboardClients(
        api,
        D1(
            settings.cloudflare_api_url,
            settings.cloudflare_account_id,
            settings.d1_database_id,
            secrets.provider("cloudflare_api_token"),
        ),
    )


def push(session: Session, built: Built, clients: DashboardClients, *, force: bool) -> PushOutcome:
    """Send the day unless the dashboard has the same or a newer one; needs the lock `LOCK`.

    `force` sends what is unchanged, too. Raises PermanentError when the dashboard refused it, and
    TransientError when it could not be stored in either way.
    """
    with session.transaction() as tx:
        snapshot_pushes.give_up_lost(tx)
        last = snapshot_pushes.last_push(tx, built.snapshot.date)
        if last is not None and _is_newer(last, built):
            return PushOutcome("a newer one was sent")
        if last is not None and _is_same(last, built) and not force:
            _record(tx, built, "unchanged")
            _log(built, "unchanged")
            return PushOutcome("unchanged")
    with session.transaction() as tx:
        push_id = _record(tx, built, "sending")
    return _send(session, push_id, built, clients)


def _is_newer(last: LastPush, built: Built) -> bool:
    """Tell whether what is there was built later, or in this very millisecond from other rows."""
    if last.updated_at == built.updated_at:
        return last.content_sha256 != built.content_sha256
    return last.updated_at > built.updated_at


def _is_same(last: LastPush, built: Built) -> bool:
    """Only what the API acknowledged is known to be there, whole."""
    return last.result == "accepted" and last.content_sha256 == built.content_sha256


def _send(session: Session, push_id: int, built: Built, clients: DashboardClients) -> PushOutcome:
    try:
        request_id = clients.api.post(built.body)
    except PermanentError as error:
        _finish(session, push_id, built, "refused", error=str(error))
        raise
    except TransientError as error:
        return _send_to_d1(session, push_id, built, clients.d1, error)
    _finish(session, push_id, built, "accepted", request_id=request_id)
    return PushOutcome("accepted", request_id)


def _send_to_d1(
    session: Session, push_id: int, built: Built, d1: D1 | None, unreachable: TransientError
) -> PushOutcome:
    if d1 is None:
        _finish(session, push_id, built, "unreachable", error=f"{unreachable}; there is no D1")
        raise unreachable
    try:
        d1.store(built.snapshot)
    except (PermanentError, TransientError) as error:
        both = f"{unreachable}; {error}"
        _finish(session, push_id, built, "unreachable", error=both)
        raise TransientError(both) from error
    _finish(session, push_id, built, "stored_in_d1", error=str(unreachable))
    return PushOutcome("stored in D1")


def _record(tx: Transaction, built: Built, result: Result) -> int:
    attempt = Push(
        report_date=built.snapshot.date,
        updated_at=built.updated_at,
        body_sha256=built.body_sha256,
        content_sha256=built.content_sha256,
        body_bytes=len(built.body),
        missing=built.missing.to_json(),
    )
    return snapshot_pushes.store(tx, attempt, result)


def _finish(
    session: Session,
    push_id: int,
    built: Built,
    result: Result,
    *,
    request_id: str | None = None,
    error: str | None = None,
) -> None:
    """Record and log what came of it."""
    with session.transaction() as tx:
        snapshot_pushes.finish(tx, push_id, result, request_id=request_id, error=error)
    _log(built, result, request_id=request_id, error=error)


def _log(built: Built, result: Result, **more: str | None) -> None:
    there = result in {"accepted", "unchanged", "stored_in_d1"}
    log.log(
        logging.WARNING if more.get("error") else logging.INFO,
        "snapshot of %s: %s",
        built.snapshot.date,
        result,
        extra={
            "event": "snapshot_pushed" if there else "snapshot_failed",
            "date": str(built.snapshot.date),
            "result": result,
            **built.counts(),
            **more,
        },
    )
