"""`countersign push-snapshot`: look at a day's KPI snapshot, or push it."""

import json
import sys
from datetime import date, datetime
from pathlib import Path

import click

from common.market import trading_day
from infra.cli.connections import open_clients
from infra.cli.documents import shown
from infra.cli.options import AS_JSON, examples
from infra.clients import Clients
from infra.runtime.clock import SystemClock
from infra.workflows.kpis import push_audit
from infra.workflows.kpis.push import (
    LOCK,
    PushOutcome,
    backfill_warning,
    dashboard_clients,
    push_day,
)
from infra.workflows.kpis.snapshot import Built, build, views


@click.command(
    "push-snapshot",
    epilog=examples(
        "countersign push-snapshot --dry-run",
        "countersign push-snapshot --date 2026-02-10 --out snapshot.json",
    ),
)
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Today's when left out.")
@click.option("--dry-run", is_flag=True, help="Show it; post nothing and record nothing.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the body to a file, too."
)
@click.option("--force", is_flag=True, help="Send it even where the dashboard has the same.")
@AS_JSON
def push_snapshot(
    *, day: datetime | None, dry_run: bool, out: Path | None, force: bool, as_json: bool
) -> None:
    """Push a day's KPI snapshot to the dashboard, or show it first."""
    clients = open_clients()
    now = SystemClock().now()
    report_date = day.date() if day else trading_day(now)
    if report_date > trading_day(now):
        raise click.UsageError(f"--date {report_date} has not begun in New York")
    if dry_run:
        built = _look(clients, report_date, now)
        _show(built, out, "dry run: nothing was posted, nothing was recorded", as_json=as_json)
        return
    if report_date < trading_day(now):
        _warn_of_an_empty_day(_look(clients, report_date, now), now)
    outcome = _push(clients, report_date, now, force=force)
    if outcome is None:
        click.echo("already running")
        sys.exit(1)
    done = f"{outcome.status} (request id {outcome.request_id or 'none'})"
    _show(outcome.built, out, done, as_json=as_json)


def _look(clients: Clients, report_date: date, now: datetime) -> Built:
    with clients.database.transaction() as tx:
        built = build(tx, views(clients.settings), report_date, now)
        tx.run("ROLLBACK")  # the views stay as they were
    return built


def _warn_of_an_empty_day(built: Built, now: datetime) -> None:
    """Ask before an empty past day is sent; where nobody can answer, say it and go on."""
    warning = backfill_warning(built, now)
    if warning is None:
        return
    if _at_a_terminal():
        click.confirm(f"{warning}. Push it?", abort=True)
    else:
        click.echo(f"warning: {warning}", err=True)


def _at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _push(clients: Clients, report_date: date, now: datetime, *, force: bool) -> PushOutcome | None:
    """Push the day; None when another push is under way."""
    with clients.database.exclusive(LOCK) as session:
        if session is not None:
            return push_day(
                session,
                views(clients.settings),
                lambda: dashboard_clients(clients.settings, clients.secrets),
                report_date,
                now,
                force=force,
            )
    with clients.database.transaction() as tx:
        push_audit.record_unbuilt(tx, report_date, now, "already_running")
    return None


def _show(built: Built, out: Path | None, done: str, *, as_json: bool) -> None:
    """Show the day and what was done with it; write its body to a file."""
    from infra.cli.kpis.snapshot_table import print_snapshot  # noqa: PLC0415 (rich is local only)

    if out is not None:
        out.write_bytes(built.body)
    if as_json:
        found = {"result": done, "counts": built.counts(), "missing": built.missing.to_json()}
        click.echo(shown(found | {"snapshot": json.loads(built.body)}))
        return
    print_snapshot(built)
    if out is not None:
        click.echo(f"wrote {out}")
    click.echo(done)
