"""`countersign halt`, `resume`: the kill switch."""

import getpass
from collections.abc import Callable

import click

from common.errors import TradingError
from infra import clients
from infra.cli.connections import open_database, open_trading
from infra.gcp.scheduler import CloudScheduler
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from infra.workflows import kill_switch


@click.command()
@click.option("--user", metavar="UID", help="Only this user; everybody when left out.")
@click.option("--why", required=True, help="The reason: it is written down and shown to users.")
@click.option("--cancel-open", is_flag=True, help="Cancel what the broker still works on, too.")
def halt(*, user: str | None, why: str, cancel_open: bool) -> None:
    """Let no order through: the database's kill switch, and Google's trading jobs if there."""
    settings, database = open_database()
    kill_switch.halt(database, SystemClock(), user, why, _who())
    click.echo(f"halted: {user or 'everybody'}")
    if user is None:
        _turn_jobs(settings, kill_switch.pause_trading, "paused")
    if cancel_open:
        done = kill_switch.cancel_open(database, open_trading(settings), user)
        click.echo(f"asked the broker to cancel {done.asked} open orders")
        for refusal in done.refused:
            click.echo(f"not cancelled: {refusal}", err=True)


@click.command()
@click.option("--user", metavar="UID", help="Only this user; everybody when left out.")
@click.option("--why", required=True, help="The reason: it is written down.")
def resume(*, user: str | None, why: str) -> None:
    """Let orders through again."""
    settings, database = open_database()
    kill_switch.resume(database, SystemClock(), user, why, _who())
    click.echo(f"resumed: {user or 'everybody'}")
    if user is None:
        _turn_jobs(settings, kill_switch.resume_trading, "resumed")


def _turn_jobs(settings: Settings, turn: Callable[[CloudScheduler], list[str]], done: str) -> None:
    """Turn the trading jobs too, where there is a scheduler; the switch stands whatever comes."""
    if not (settings.google_cloud_project and settings.google_cloud_region):
        return
    try:
        names = turn(clients.scheduler(settings))
    except TradingError as error:
        click.echo(f"the switch is set, but the trading jobs are not {done}: {error}", err=True)
    else:
        click.echo(f"trading jobs {done}: {', '.join(names) or 'none was to be'}")


def _who() -> str:
    return f"{getpass.getuser()} by countersign"
