"""`countersign halt`, `resume`: the kill switch."""

from collections.abc import Callable

import click

from common.errors import TradingError
from infra.cli.connections import open_clients
from infra.cli.options import examples, operator
from infra.clients import Clients
from infra.gcp.scheduler import CloudScheduler
from infra.runtime.clock import SystemClock
from infra.workflows import kill_switch


@click.command(
    epilog=examples(
        'countersign halt --why "wrong prices" --cancel-open',
        'countersign halt --user alice --why "their wish"',
    )
)
@click.option("--user", metavar="UID", help="Only this user; everybody when left out.")
@click.option("--why", required=True, help="The reason: it is written down and shown to users.")
@click.option("--cancel-open", is_flag=True, help="Cancel what the broker still works on, too.")
def halt(*, user: str | None, why: str, cancel_open: bool) -> None:
    """Let no order through: the database's kill switch, and Google's trading jobs if there."""
    clients = open_clients()
    kill_switch.halt(clients.database, SystemClock(), user, why, operator())
    click.echo(f"halted: {user or 'everybody'}")
    if user is None:
        _turn_jobs(clients, kill_switch.pause_trading, "paused")
    if cancel_open:
        done = kill_switch.cancel_open(clients.database, clients.trading, user)
        click.echo(f"asked the broker to cancel {done.asked} open orders")
        for refusal in done.refused:
            click.echo(f"not cancelled: {refusal}", err=True)


@click.command(epilog=examples('countersign resume --why "prices are right again"'))
@click.option("--user", metavar="UID", help="Only this user; everybody when left out.")
@click.option("--why", required=True, help="The reason: it is written down.")
def resume(*, user: str | None, why: str) -> None:
    """Let orders through again."""
    clients = open_clients()
    kill_switch.resume(clients.database, SystemClock(), user, why, operator())
    click.echo(f"resumed: {user or 'everybody'}")
    if user is None:
        _turn_jobs(clients, kill_switch.resume_trading, "resumed")


def _turn_jobs(clients: Clients, turn: Callable[[CloudScheduler], list[str]], done: str) -> None:
    """Turn the trading jobs too, where there is a scheduler; the switch stands whatever comes."""
    settings = clients.settings
    if not (settings.google_cloud_project and settings.google_cloud_region):
        return
    try:
        names = turn(clients.scheduler)
    except TradingError as error:
        click.echo(f"the switch is set, but the trading jobs are not {done}: {error}", err=True)
    else:
        click.echo(f"trading jobs {done}: {', '.join(names) or 'none was to be'}")
