"""Pushes a day's snapshot: build, judge, record that it goes out, send, record what came of it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from common.errors import PermanentError, TransientError
from common.market import trading_day
from common.snapshot import nothing_recorded
from infra.dashboard.api import DashboardApi
from infra.dashboard.d1 import D1
from infra.postgres.dashboard import snapshot_pushes
from infra.postgres.dashboard.kpi_views import Views
from infra.postgres.dashboard.snapshot_pushes import LastPush
from infra.postgres.database import DatabaseSession
from infra.runtime.secrets import Secrets
from infra.runtime.settings import Settings, SettingsError
from infra.workflows.kpis import push_audit
from infra.workflows.kpis.snapshot import Built, build

log = logging.getLogger(__name__)

# Two posts for one date at the same moment would mix on the other side (docs/snapshot.md).
LOCK = "push_snapshot"


@dataclass(frozen=True)
class PushOutcome:
    """What came of a push that did not fail; `status` and `warning` are for people."""

    status: str
    built: Built
    request_id: str | None = None
    warning: str | None = None


@dataclass(frozen=True)
class DashboardClients:
    """The dashboard's API, and its database for when the API is unreachable (None: no such way)."""

    api: DashboardApi
    d1: D1 | None


def dashboard_api(settings: Settings, secrets: Secrets) -> DashboardApi:
    """Open the dashboard's API; raises SettingsError when a setting is missing."""
    return DashboardApi(
        settings.require("haiphen_api_url"),
        settings.snapshot_endpoint,
        secrets.provider("internal_token"),
        secrets.provider("signing_secret"),
        deadline_seconds=settings.snapshot_deadline_seconds,
    )


def dashboard_clients(settings: Settings, secrets: Secrets) -> DashboardClients:
    """Open the dashboard's API and, where it is configured, its database."""
    api = dashboard_api(settings, secrets)
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


def push_day(
    session: DatabaseSession,
    views: Views,
    open_clients: Callable[[], DashboardClients],
    report_date: date,
    now: datetime,
    *,
    force: bool,
) -> PushOutcome:
    """Build the day as it stands and send it, unless the dashboard has the same or a newer one.

    Needs the lock `LOCK`; `force` sends what is unchanged, too. Whatever comes of it is recorded.
    Raises PermanentError when it cannot be built or the dashboard refused it, and TransientError
    when it could not be stored in either way.
    """
    with push_audit.failures_recorded(session, report_date, now):
        with session.transaction() as tx:
            built = build(tx, views, report_date, now)
        clients = open_clients()
    warning = backfill_warning(built, now)
    if warning:
        log.warning("%s", warning, extra={"event": "snapshot_empty", "date": str(report_date)})
    status, request_id = _push(session, built, clients, force=force)
    return PushOutcome(status, built, request_id, warning)


def backfill_warning(built: Built, now: datetime) -> str | None:
    """Say that a past day is empty: it would replace whatever the dashboard has of it."""
    if built.snapshot.date >= trading_day(now) or not nothing_recorded(built.snapshot):
        return None
    return f"nothing is recorded of {built.snapshot.date}: its snapshot is empty"


def _push(
    session: DatabaseSession, built: Built, clients: DashboardClients, *, force: bool
) -> tuple[str, str | None]:
    with session.transaction() as tx:
        snapshot_pushes.give_up_lost(tx)
        last = snapshot_pushes.last_push(tx, built.snapshot.date, built.updated_at)
        if last is not None and _is_newer(last, built):
            push_audit.record(tx, built, "superseded")
            return "a newer one was sent", None
        if last is not None and _is_same(last, built) and not force:
            push_audit.record(tx, built, "unchanged")
            return "unchanged", None
    with session.transaction() as tx:
        push_id = push_audit.record(tx, built, "sending")
    return _send(session, push_id, built, clients)


def _is_newer(last: LastPush, built: Built) -> bool:
    """Return whether what is there was built later, or in this very millisecond from other rows."""
    if last.updated_at == built.updated_at:
        return last.content_sha256 != built.content_sha256
    return last.updated_at > built.updated_at


def _is_same(last: LastPush, built: Built) -> bool:
    """Only what the API acknowledged is known to be there, whole."""
    return last.result == "accepted" and last.content_sha256 == built.content_sha256


def _send(
    session: DatabaseSession, push_id: int, built: Built, clients: DashboardClients
) -> tuple[str, str | None]:
    try:
        request_id = clients.api.post(built.body)
    except SettingsError as error:  # a secret cannot be read: nothing was sent
        push_audit.finish(session, push_id, built, "failed", error=str(error))
        raise
    except PermanentError as error:
        push_audit.finish(session, push_id, built, "refused", error=str(error))
        raise
    except TransientError as error:
        return _send_to_d1(session, push_id, built, clients.d1, error), None
    push_audit.finish(session, push_id, built, "accepted", request_id=request_id)
    return "accepted", request_id


def _send_to_d1(
    session: DatabaseSession, push_id: int, built: Built, d1: D1 | None, unreachable: TransientError
) -> str:
    if d1 is None:
        error = f"{unreachable}; there is no D1"
        push_audit.finish(session, push_id, built, "unreachable", error=error)
        raise unreachable
    try:
        d1.store(built.snapshot)
    except (PermanentError, TransientError, SettingsError) as error:
        both = f"{unreachable}; {error}"
        push_audit.finish(session, push_id, built, "unreachable", error=both)
        raise TransientError(both) from error
    push_audit.finish(session, push_id, built, "stored_in_d1", error=str(unreachable))
    return "stored in D1"
