"""`countersign dead-letters …`: messages that were given up, and the way back."""

import textwrap
from datetime import timedelta

import click
from rich.console import Console
from rich.table import Table

from common.errors import PermanentError
from infra.cli.connections import open_clients
from infra.cli.documents import shown
from infra.cli.options import AS_JSON, examples
from infra.postgres.messages import dead_letters as stored
from infra.postgres.messages.dead_letters import StoredDeadLetter
from infra.runtime.clock import SystemClock
from infra.runtime.printable import printable


@click.group("dead-letters")
def dead_letters() -> None:
    """See what was given up (in the database of DATABASE_URL), and try it again."""


@dead_letters.command("list", epilog=examples("countersign dead-letters list"))
@AS_JSON
def list_letters(*, as_json: bool) -> None:
    """List what waits for a person, oldest first."""
    now = SystemClock().now()
    with open_clients().database.transaction() as tx:
        letters = stored.open_letters(tx)
    if as_json:
        click.echo(shown([vars(each) for each in letters]))
        return
    if not letters:
        click.echo("no dead letters")
        return
    table = Table("id", "given up by", "age", "times", "error", "message", box=None)
    for each in letters:
        age = _age(now - each.created_at)
        table.add_row(
            str(each.id),
            each.consumer,
            age,
            str(each.attempts),
            _short(printable(each.error)),
            _short(printable(each.payload)),
        )
    Console(highlight=False, markup=False).print(table)


@dead_letters.command(epilog=examples("countersign dead-letters show 7"))
@click.argument("letter_id", metavar="ID", type=int)
@AS_JSON
def show(*, letter_id: int, as_json: bool) -> None:
    """Show a letter whole."""
    with open_clients().database.transaction() as tx:
        letter = stored.read(tx, letter_id)
    if letter is None:
        raise PermanentError(f"there is no dead letter {letter_id}: see `dead-letters list`")
    if as_json:
        click.echo(shown(vars(letter)))
        return
    for name, value in vars(letter).items():
        text = printable("–" if value is None else str(value))  # noqa: RUF001 (a dash, for people)
        click.echo(f"{name.replace('_', ' '):>12}  {text}")


@dead_letters.command(
    epilog=examples(
        "countersign dead-letters retry 7 8",
        "countersign dead-letters retry --all",
    )
)
@click.argument("ids", metavar="[ID]...", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All that wait, oldest first.")
def retry(*, ids: tuple[int, ...], everything: bool) -> None:
    """Put letters back into the outbox; `relay_outbox` publishes them within a minute.

    What fails again is listed again. Every reader drops a message that it has had.
    """
    if bool(ids) == everything:
        raise click.UsageError("name the letters, or say --all")
    database = open_clients().database
    with database.transaction() as tx:
        letters = stored.open_letters(tx)
        wanted = [each.id for each in letters] if everything else list(ids)
        retried = stored.retry(tx, wanted, SystemClock().now())
    click.echo(f"put back: {_listed(retried)}")
    if left := [each for each in wanted if each not in retried]:
        raise PermanentError("; ".join(_why(each, letters) for each in left))


def _why(letter_id: int, letters: list[StoredDeadLetter]) -> str:
    is_open = letter_id in {each.id for each in letters}
    return f"{letter_id}: " + ("is not JSON, no retry helps" if is_open else "does not wait here")


def _short(text: str) -> str:
    return textwrap.shorten(text, 120, placeholder=" ...")


def _listed(ids: list[int]) -> str:
    return ", ".join(map(str, ids)) or "none"


def _age(age: timedelta) -> str:
    """Say an age in its largest unit."""
    minutes = int(age.total_seconds()) // 60
    if minutes < 120:  # noqa: PLR2004 (two hours, then hours are enough)
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"  # noqa: PLR2004 (two days)
