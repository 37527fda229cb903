"""`countersign schedules …`: the jobs of Cloud Scheduler."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from infra.cli.documents import shown
from infra.cli.options import AS_JSON, examples
from infra.clients import Clients
from infra.gcp.scheduler import CloudScheduler, Job
from infra.runtime.settings import Settings


@click.group()
def schedules() -> None:
    """Look at and turn the jobs of Cloud Scheduler (GOOGLE_CLOUD_PROJECT, GOOGLE_CLOUD_REGION)."""


@schedules.command("list", epilog=examples("countersign schedules list"))
@AS_JSON
def list_jobs(*, as_json: bool) -> None:
    """Show every job: when it runs next, and how it went last."""
    jobs = _scheduler().jobs()
    if as_json:
        click.echo(shown([vars(job) for job in jobs]))
        return
    from rich.console import Console  # noqa: PLC0415 (only here)
    from rich.table import Table  # noqa: PLC0415

    table = Table("job", "schedule", "state", "next run", "last run", "last error", box=None)
    for job in jobs:
        when = f"{job.schedule} {job.time_zone}"
        runs = (_local(job, job.next_run), _local(job, job.last_run))
        table.add_row(job.name, when, job.state.lower(), *runs, job.last_error)
    console = Console()
    console.print(table if table.row_count else "there are no jobs of this deployment")


@schedules.command(epilog=examples("countersign schedules pause ingest evaluate"))
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def pause(names: Sequence[str]) -> None:
    """Let jobs run no more until they are resumed."""
    scheduler = _scheduler()
    for name in names:
        click.echo(f"{name}: {scheduler.pause(name).state.lower()}")


@schedules.command(epilog=examples("countersign schedules resume ingest"))
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def resume(names: Sequence[str]) -> None:
    """Let jobs run by their schedules again."""
    scheduler = _scheduler()
    for name in names:
        click.echo(f"{name}: {scheduler.resume(name).state.lower()}")


@schedules.command(epilog=examples("countersign schedules run reconcile-orders"))
@click.argument("name")
def run(name: str) -> None:
    """Run a job now, whatever its schedule says."""
    _scheduler().run(name)
    click.echo(f"{name}: started")


def _scheduler() -> CloudScheduler:
    return Clients(Settings.without_database()).scheduler


def _local(job: Job, at: datetime | None) -> str:
    return f"{at.astimezone(ZoneInfo(job.time_zone)):%Y-%m-%d %H:%M}" if at else "-"
