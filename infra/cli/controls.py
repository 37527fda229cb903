"""`countersign halt`, `resume`: the kill switch."""

import getpass

import click

from infra import operate
from infra.cli.operated import operated, trading
from infra.clock import SystemClock


@click.command()
@click.option("--user", metavar="UID", help="Only this user; everybody when left out.")
@click.option("--why", required=True, help="The reason: it is written down and shown to users.")
@click.option("--cancel-open", is_flag=True, help="Cancel what the broker still works on, too.")
def halt(*, user: str | None, why: str, cancel_open: bool) -> None:
    """Let no order through (the kill switch of DATABASE_URL)."""
    settings, database = operated()
    operate.halt(database, SystemClock(), user, why, _who())
    click.echo(f"halted: {user or 'everybody'}")
    if cancel_open:
        done = operate.cancel_open(database, trading(settings), user)
        click.echo(f"asked the broker to cancel {done.asked} open orders")
        for refusal in done.refused:
            click.echo(f"not cancelled: {refusal}", err=True)


@click.command()
@click.option("--user", metavar="UID", help="Only this user; everybody when left out.")
@click.option("--why", required=True, help="The reason: it is written down.")
def resume(*, user: str | None, why: str) -> None:
    """Let orders through again."""
    _, database = operated()
    operate.resume(database, SystemClock(), user, why, _who())
    click.echo(f"resumed: {user or 'everybody'}")


def _who() -> str:
    return f"{getpass.getuser()} by countersign"
