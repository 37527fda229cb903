"""`countersign migrate`: the schema."""

import click

from infra.cli.operated import operated
from infra.postgres.migrate import migrate as apply


@click.command()
def migrate() -> None:
    """Bring the database of DATABASE_URL to the current schema."""
    for name in apply(operated()[1]):
        click.echo(f"applied {name}")
    click.echo("the schema is current")
