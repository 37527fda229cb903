"""`countersign config …`: check a trading config, describe what one may say, change a user's."""

import sys
from pathlib import Path

import click

from common.errors import MalformedMessageError
from common.model import parse_json
from common.validation import validate
from infra.cli.documents import shown
from infra.cli.options import AS_JSON, FILE, examples
from infra.cli.user_config import diff_config, edit_config, get_config, set_config
from infra.runtime.settings import default_limits


@click.group()
def config() -> None:
    """Check a trading config, describe what one may say, or change a user's."""


for _command in (get_config, set_config, edit_config, diff_config):
    config.add_command(_command)


@config.command("validate", epilog=examples("countersign config validate config.json --json"))
@click.argument("file", type=FILE)
@AS_JSON
def validate_config(*, file: Path, as_json: bool) -> None:
    """Name every problem of a config FILE (JSON), each with its place."""
    try:
        checked = validate(parse_json(file.read_bytes()), default_limits())
    except MalformedMessageError as error:
        if as_json:
            click.echo(shown({"valid": False, "problems": error.problems}))
        for problem in [] if as_json else error.problems:
            click.echo(f"{file}: {problem}", err=True)
        sys.exit(1)
    symbols, rules = sorted(checked.symbols), len(checked.rules)
    if as_json:
        found = {"valid": True, "problems": [], "rules": rules, "symbols": symbols}
        click.echo(shown(found | {"hash": checked.hash}))
        return
    click.echo(f"{file} is valid: {rules} rules on {', '.join(symbols)} (hash {checked.hash})")


@config.command("docs", epilog=examples("countersign config docs --folder docs"))
@click.option("--folder", default="docs", type=click.Path(file_okay=False, path_type=Path))
def write_config_docs(folder: Path) -> None:
    """Write the JSON Schema and the pages of config, settings and glossary."""
    from infra.local.docs import config_docs, glossary, settings_docs  # noqa: PLC0415

    config_docs.write(folder)
    settings_docs.write(folder)
    glossary.write(folder)
    click.echo(f"wrote {folder}")
