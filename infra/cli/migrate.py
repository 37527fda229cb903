"""`countersign migrate`: the schema, and who works with it."""

from collections.abc import Sequence

import click

from infra.cli.connections import open_clients
from infra.cli.options import examples
from infra.postgres.app_tables import AppTablesError, ColumnDefault
from infra.postgres.database import Database
from infra.postgres.grants import grant
from infra.postgres.migrate import migrate as apply


@click.command(
    epilog=examples(
        "countersign migrate",
        "countersign migrate --fill questions.difficulty=3 --fill \"questions.category='x'\"",
    )
)
@click.option(
    "--grant-to",
    "users",
    metavar="USER",
    multiple=True,
    help="Let a user of the database read and write what is there.",
)
@click.option(
    "--fill",
    "fills",
    metavar="TABLE.COLUMN=SQL",
    multiple=True,
    help="What a required column of the app's own users or questions holds in our rows.",
)
def migrate(*, users: Sequence[str], fills: Sequence[str]) -> None:
    """Bring the database of the environment to the current schema.

    Nothing is changed when the app's own tables cannot hold what must be written to them.
    """
    try:
        filled = [ColumnDefault.parse(text) for text in fills]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    database = open_clients().database
    for name in _applied(database, filled):
        click.echo(f"applied {name}")
    click.echo("the schema is current")
    if users:
        grant(database, users)
        click.echo(f"granted the data to {', '.join(users)}")


def _applied(database: Database, fills: Sequence[ColumnDefault]) -> list[str]:
    try:
        return apply(database, fills)
    except AppTablesError as error:
        lines = "\n".join(f"- {line}" for line in error.problems)
        raise click.ClickException(f"nothing was changed (docs/app-tables.md):\n{lines}") from error
