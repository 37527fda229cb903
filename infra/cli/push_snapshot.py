"""`countersign push-snapshot`: look at a day's KPI snapshot, or push it."""

from datetime import date, datetime
from pathlib import Path

import click

from common.market import trading_day
from infra import clients
from infra.cli.connections import open_database
from infra.postgres.database import Database, Session
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from infra.workflows.kpi_push import LOCK, dashboard_clients, push
from infra.workflows.kpi_snapshot import Built, build, views


@click.command("push-snapshot")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Today's when left out.")
@click.option("--dry-run", is_flag=True, help="Show it; post nothing and record nothing.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the body to a file, too."
)
@click.option("--force", is_flag=True, help="Send it even where the dashboard has the same.")
def push_snapshot(*, day: datetime | None, dry_run: bool, out: Path | None, force: bool) -> None:
    """Push a day's KPI snapshot to the dashboard, or show it first."""
    settings, database = open_database()
    now = SystemClock().now()
    report_date = day.date() if day else trading_day(now)
    if report_date > trading_day(now):
        raise click.UsageError(f"--date {report_date} has not begun in New York")
    if dry_run:
        _show(_look(settings, database, report_date, now), out)
        click.echo("dry run: nothing was posted, nothing was recorded")
        return
    built, status = _push(settings, database, report_date, now, force=force)
    if built is not None:
        _show(built, out)
    click.echo(status)


def _look(settings: Settings, database: Database, report_date: date, now: datetime) -> Built:
    with database.transaction() as tx:
        built = build(tx, views(settings), report_date, now)
        tx.run("ROLLBACK")  # the views stay as they were
    return built


def _push(
    settings: Settings, database: Database, report_date: date, now: datetime, *, force: bool
) -> tuple[Built | None, str]:
    with database.exclusive(LOCK) as session:
        if session is None:
            return None, "already running"
        return _push_alone(settings, session, report_date, now, force=force)


def _push_alone(
    settings: Settings, session: Session, report_date: date, now: datetime, *, force: bool
) -> tuple[Built, str]:
    targets = dashboard_clients(settings, clients.secrets(settings))
    with session.transaction() as tx:
        built = build(tx, views(settings), report_date, now)
    outcome = push(session, built, targets, force=force)
    return built, f"{outcome.status} (request id {outcome.request_id or 'none'})"


def _show(built: Built, out: Path | None) -> None:
    from infra.cli.snapshot_table import print_snapshot  # noqa: PLC0415 (rich is local only)

    print_snapshot(built)
    if out is not None:
        out.write_bytes(built.body)
        click.echo(f"wrote {out}")
