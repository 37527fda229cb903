"""`countersign config …`: check a trading config, describe what one may say, change a user's."""

import sys
from pathlib import Path

import click

from common.errors import MalformedMessageError
from common.model import parse_json
from common.validation import validate
from infra.cli.options import FILE
from infra.cli.user_config import diff_config, edit_config, get_config, set_config
from infra.runtime.settings import default_limits


@click.group()
def config() -> None:
    """Check a trading config, describe what one may say, or change a user's."""


for _command in (get_config, set_config, edit_config, diff_config):
    config.add_command(_command)


@config.command("validate")
@click.argument("file", type=FILE)
def validate_config(file: Path) -> None:
    """Name every problem of a config FILE (JSON), each with its place."""
    try:
        checked = validate(parse_json(file.read_bytes()), default_limits())
    except MalformedMessageError as error:
        for problem in error.problems:
            click.echo(f"{file}: {problem}", err=True)
        sys.exit(1)
    symbols = ", ".join(sorted(checked.symbols))
    click.echo(f"{file} is valid: {len(checked.rules)} rules on {symbols} (hash {checked.hash})")


@config.command("docs")
@click.option("--folder", default="docs", type=click.Path(file_okay=False, path_type=Path))
def write_config_docs(folder: Path) -> None:
    """Write the JSON Schema and the pages of config, settings and glossary."""
    from infra.local.docs import config_docs, glossary, settings_docs  # noqa: PLC0415

    config_docs.write(folder)
    settings_docs.write(folder)
    glossary.write(folder)
    click.echo(f"wrote {folder}")
