"""`countersign template …`: what users' configs are said over."""

from pathlib import Path

import click

from common.errors import PermanentError
from infra.cli.connections import open_clients
from infra.cli.documents import read_document, shown
from infra.cli.options import AS_JSON, FILE, examples
from infra.postgres.users import templates
from infra.runtime.clock import SystemClock
from infra.workflows import config_store


@click.group()
def template() -> None:
    """List, show or set the templates that users' configs are said over."""


@template.command("list", epilog=examples("countersign template list --json"))
@AS_JSON
def list_templates(*, as_json: bool) -> None:
    """List the templates, and how many users each has."""
    with open_clients().database.transaction() as tx:
        found = templates.list_all(tx)
    if as_json:
        click.echo(shown(found))
    for each in [] if as_json else found:
        click.echo(f"{each['name']}: {each['users']} users")


@template.command("get", epilog=examples("countersign template get default_paper_watchlist"))
@click.argument("name")
def get_template(*, name: str) -> None:
    """Print the template NAME (JSON)."""
    with open_clients().database.transaction() as tx:
        found = templates.read(tx, name)
    if found is None:
        raise PermanentError(f"there is no template {name!r}")
    click.echo(shown(found))


@template.command(
    "set",
    epilog=examples(
        "countersign template set default_paper_watchlist template.json",
    ),
)
@click.argument("name")
@click.argument("file", type=FILE)
def set_template(*, name: str, file: Path) -> None:
    """Store FILE (JSON) as the template NAME, new or in place of the old one.

    A template may be incomplete: what users say over it completes it. Users whose configs the
    change would make invalid are named, and then nothing is stored. Questions of rules that it
    switches off are withdrawn.
    """
    document, clients = read_document(file), open_clients()
    with clients.database.transaction() as tx:
        limits, now = clients.settings.server_limits, SystemClock().now()
        config_store.replace_template(tx, name, document, limits, now)
    click.echo(f"stored template {name}")
