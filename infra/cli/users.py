"""`countersign user …`: who may be asked, without a line of SQL."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from common.wire import to_wire
from infra.cli.connections import open_clients
from infra.cli.documents import read_document
from infra.cli.options import AS_JSON, FILE, examples
from infra.postgres.users import accounts, user_configs
from infra.runtime.clock import SystemClock
from infra.workflows import config_store


@click.group()
def user() -> None:
    """Add, list or delete the users whom rules may ask."""


@user.command(
    "add",
    epilog=examples(
        "countersign user add alice",
        "countersign user add alice --template default_paper_watchlist --config alice.json",
    ),
)
@click.argument("uid")
@click.option("--template", "template_name", help="The template; the default one when left out.")
@click.option("--config", "config_file", type=FILE, help="What the user says over it (JSON).")
def add_user(*, uid: str, template_name: str | None, config_file: Path | None) -> None:
    """Add the user UID with a config."""
    override = read_document(config_file) if config_file else {}
    clients = open_clients()
    with clients.database.transaction() as tx:
        if user_configs.read(tx, uid) is not None:
            raise click.UsageError(f"{uid} has a config already: see `countersign config set`")
        user_configs.lock(tx, uid)
        saved = config_store.replace(
            tx,
            uid,
            None,
            override,
            template_name,
            clients.settings.server_limits,
            SystemClock().now(),
        )
    state = "enabled" if saved.enabled else "disabled: set `enabled` to true in the config"
    click.echo(f"added {uid}, {state}")


@user.command("list", epilog=examples("countersign user list --json"))
@AS_JSON
def list_users(*, as_json: bool) -> None:
    """List the users with a config, and what each has under way."""
    with open_clients().database.transaction() as tx:
        found = accounts.list_all(tx)
    if as_json:
        click.echo(json.dumps(to_wire(found), indent=2))
        return
    Console().print(_table(found))
    click.echo(f"{len(found)} users")


@user.command("delete", epilog=examples("countersign user delete alice --yes"))
@click.argument("uid")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
def delete_user(*, uid: str, yes: bool) -> None:
    """Delete the user UID: their config, state and unanswered questions.

    Orders, fills, trades and the answers that they rest on are records that a broker's customer
    must be able to show for years: they stay, under a pseudonym, and the app may then delete the
    user. Refused while an order is open.
    """
    if not yes and not click.confirm(f"Delete {uid} for good?"):
        click.echo("nothing was deleted")
        sys.exit(1)
    with open_clients().database.transaction() as tx:
        pseudonym = accounts.delete(tx, uid)
    kept = f"; their records are kept as {pseudonym}" if pseudonym else ""
    click.echo(f"deleted {uid}{kept}")


def _table(users: list[dict[str, Any]]) -> Table:
    table = Table("user", "enabled", "template", "questions pending", "orders open", "orders")
    for each in users:
        table.add_row(
            each["firebase_uid"],
            "yes" if each["enabled"] else "no",
            each["template_name"] or "-",
            str(each["pending_questions"]),
            str(each["open_orders"]),
            str(each["orders"]),
        )
    return table
