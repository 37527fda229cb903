"""Scheduler, three times a trading day: refresh the views, build, sign, post, record."""

import datetime as dt
import hashlib
from datetime import date, datetime

import flask
import functions_framework

from common.errors import MalformedMessageError, PermanentError, TransientError
from common.market import trading_day
from common.model import Model
from common.snapshot import assemble, missing, timestamp
from functions import edge, wiring
from infra.dashboard.api import DashboardApi
from infra.postgres import kpis
from infra.postgres.database import Session
from infra.postgres.kpis import Push, Views


class PushRequest(Model):
    """The body of a push: the report date, today's trading day unless given (a backfill)."""

    date: dt.date | None = None


@functions_framework.http
@edge.answers
def push_snapshot(request: flask.Request) -> edge.Reply:
    """Push one day's KPI snapshot to the dashboard."""
    app = wiring.current()
    now = app.clock.now()
    asked = PushRequest.from_json(request.get_data() or b"{}")
    report_date = asked.date or trading_day(now)
    if report_date > trading_day(now):
        raise MalformedMessageError(f"date: {report_date} has not begun in New York")
    # Two posts for one date at the same moment would mix on the other side (kpis.md section 1).
    with app.database.exclusive("push_snapshot") as session:
        if session is None:
            return {"status": "already running", "date": str(report_date)}, 200
        return push(report_date, now, session, app.dashboard, app.views)


def push(
    report_date: date, now: datetime, session: Session, dashboard: DashboardApi, views: Views
) -> edge.Reply:
    """Build the day as it stands now and post it; every attempt is recorded."""
    with session.transaction() as tx:
        accepted_at = kpis.last_accepted(tx, report_date)
    if accepted_at is not None and accepted_at > now:
        return {"status": "a newer one was accepted", "updated_at": timestamp(accepted_at)}, 200
    with session.transaction() as tx:
        kpis.refresh(tx, views, report_date, now)
    with session.transaction() as tx:
        figures = kpis.figures(tx, views, report_date)
        assets = kpis.portfolio(tx, views, report_date)
    body = assemble(report_date, now, figures, assets).to_body()
    attempt = Push(
        report_date=report_date,
        updated_at=now,
        body_sha256=hashlib.sha256(body).hexdigest(),
        body_bytes=len(body),
        missing=missing(figures),
    )
    request_id = post(body, attempt, session, dashboard)
    return {
        "status": "accepted",
        "date": str(report_date),
        "updated_at": timestamp(now),
        "body_bytes": attempt.body_bytes,
        "request_id": request_id,
        "missing": attempt.missing,
    }, 200


def post(body: bytes, attempt: Push, session: Session, dashboard: DashboardApi) -> str | None:
    """Sign and send; record what came of it, also when it failed."""
    try:
        request_id = dashboard.post(body)
    except (PermanentError, TransientError) as error:
        result = "refused" if isinstance(error, PermanentError) else "unreachable"
        with session.transaction() as tx:
            kpis.store_push(tx, attempt, result, error=str(error))
        raise
    with session.transaction() as tx:
        kpis.store_push(tx, attempt, "accepted", request_id=request_id)
    return request_id
