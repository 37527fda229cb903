"""Scheduler, four times a trading day: refresh the views, build, sign, post, record."""

import datetime as dt
import logging
from datetime import datetime

import flask
import functions_framework

from common.bounds import Day
from common.errors import MalformedMessageError
from common.market import trading_day
from common.model import Model
from common.snapshot import timestamp
from functions import edge, wiring
from infra.postgres.database import DatabaseSession
from infra.postgres.market import sessions
from infra.workflows.kpis import push_audit
from infra.workflows.kpis.push import LOCK, push_day

log = logging.getLogger(__name__)


class PushRequest(Model):
    """The body of a push: today's trading day unless a date is given (a backfill).

    `force` pushes on a holiday and what is unchanged, too.
    """

    date: Day | None = None
    force: bool = False


@functions_framework.http
@edge.http_errors
@edge.post_only
def push_snapshot(request: flask.Request) -> edge.Reply:
    """Push one day's KPI snapshot to the dashboard."""
    app = wiring.current()
    now = app.clock.now()
    asked = PushRequest.from_json(request.get_data() or b"{}")
    report_date = asked.date or trading_day(now)
    if report_date > trading_day(now):
        raise MalformedMessageError(f"date: {report_date} has not begun in New York")
    with app.database.exclusive(LOCK) as session:
        if session is not None:
            if asked.date is None and not asked.force and is_holiday(session, now):
                return skip(session, report_date, now)
            return push(session, app, report_date, now, force=asked.force)
    with app.database.transaction() as tx:
        push_audit.record_unbuilt(tx, report_date, now, "already_running")
    return _reply("already running", report_date)


def is_holiday(session: DatabaseSession, now: datetime) -> bool:
    """Return whether the market stays closed today; an unknown calendar keeps nothing back."""
    with session.transaction() as tx:
        today = sessions.day(tx, now)
    if today is None:
        log.warning("today's calendar is unknown", extra={"event": "calendar_unknown"})
    return today is not None and today.regular is None


def skip(session: DatabaseSession, report_date: dt.date, now: datetime) -> edge.Reply:
    """Leave a holiday out."""
    with session.transaction() as tx:
        push_audit.record_unbuilt(tx, report_date, now, "skipped")
    return _reply("skipped", report_date, why="the market stays closed that day")


def push(
    session: DatabaseSession,
    app: wiring.Wiring,
    report_date: dt.date,
    now: datetime,
    *,
    force: bool,
) -> edge.Reply:
    """Send the day as it stands now."""
    outcome = push_day(
        session, app.views, lambda: app.dashboard_clients, report_date, now, force=force
    )
    return _reply(
        outcome.status,
        report_date,
        updated_at=timestamp(now),
        body_bytes=len(outcome.built.body),
        request_id=outcome.request_id,
        missing=outcome.built.missing.to_json(),
        **({"warning": outcome.warning} if outcome.warning else {}),
    )


def _reply(status: str, report_date: dt.date, **more: object) -> edge.Reply:
    return {"status": status, "date": str(report_date), **more}, 200
