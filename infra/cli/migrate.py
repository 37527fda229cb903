"""`countersign migrate`: the schema, and who works with it."""

from collections.abc import Sequence

import click

from infra.cli.connections import open_database
from infra.postgres.grants import grant
from infra.postgres.migrate import migrate as apply


@click.command()
@click.option(
    "--grant-to",
    "users",
    metavar="USER",
    multiple=True,
    help="Let a user of the database read and write what is there.",
)
def migrate(*, users: Sequence[str]) -> None:
    """Bring the database of the environment to the current schema."""
    _, database = open_database()
    for name in apply(database):
        click.echo(f"applied {name}")
    click.echo("the schema is current")
    if users:
        grant(database, users)
        click.echo(f"granted the data to {', '.join(users)}")
