"""`countersign messages …`: the contract with the app backend."""

from pathlib import Path

import click

from infra.cli.options import examples


@click.group()
def messages() -> None:
    """Describe what the app backend is told."""


@messages.command("docs", epilog=examples("countersign messages docs --folder docs"))
@click.option("--folder", default="docs", type=click.Path(file_okay=False, path_type=Path))
def write_message_docs(folder: Path) -> None:
    """Write the JSON Schema of each topic, and the page for the app backend's developer."""
    from infra.local.docs.message_docs import write  # noqa: PLC0415

    write(folder)
    click.echo(f"wrote {folder}")
