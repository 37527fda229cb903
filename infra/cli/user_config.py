"""`countersign config get|set|edit|diff`: a user's config in the database, without SQL."""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from common.config import merge
from common.errors import MalformedMessageError, PermanentError
from common.validation import validate
from infra.cli.connections import open_clients
from infra.cli.documents import as_object, read_document, shown
from infra.cli.options import FILE, examples
from infra.clients import Clients
from infra.postgres.database import Database
from infra.postgres.users import user_configs
from infra.postgres.users.user_configs import UserConfig
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from infra.workflows import config_store

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("get", epilog=examples("countersign config get alice --effective"))
@click.argument("uid")
@click.option("--effective", is_flag=True, help="Merged over its template, with all defaults.")
def get_config(*, uid: str, effective: bool) -> None:
    """Print what the user UID says over their template (JSON)."""
    clients = open_clients()
    stored = _stored(clients.database, uid)
    if not effective:
        click.echo(shown(stored.override))
        return
    config = validate(stored.merged, clients.settings.server_limits)
    click.echo(shown(config.model_dump(mode="json")))


@click.command(
    "set",
    epilog=examples(
        "countersign config set alice alice.json",
        "countersign config set --folder configs/",
    ),
)
@click.argument("uid", required=False)
@click.argument("file", type=FILE, required=False)
@click.option("--folder", type=_FOLDER, help="Many users at once: each UID.json in the folder.")
@click.option("--template", "template_name", help="Another template; empty: none.")
def set_config(
    *, uid: str | None, file: Path | None, folder: Path | None, template_name: str | None
) -> None:
    """Replace what the user UID says by FILE (JSON), if all of it is valid."""
    documents = _given(uid, file, folder)
    clients = open_clients()
    now = SystemClock().now()
    with clients.database.transaction() as tx:
        for each, override in documents.items():
            stored = user_configs.lock(tx, each)
            try:
                config_store.replace(
                    tx, each, stored, override, template_name, clients.settings.server_limits, now
                )
            except MalformedMessageError as error:
                raise MalformedMessageError(*(f"{each}: {p}" for p in error.problems)) from error
    click.echo(f"stored {len(documents)} configs: {', '.join(documents)}")


@click.command("diff", epilog=examples("countersign config diff alice alice.json"))
@click.argument("uid")
@click.argument("file", type=FILE)
def diff_config(*, uid: str, file: Path) -> None:
    """Show what FILE would change in the effective config of UID; nothing is stored."""
    clients = open_clients()
    stored = _stored(clients.database, uid)
    changed = validate(merge(stored.template, read_document(file)), clients.settings.server_limits)
    before, after = stored.merged, changed.model_dump(mode="json")
    for line in _difference(_normal(before, clients.settings), after):
        click.echo(line)


@click.command("edit", epilog=examples("countersign config edit alice"))
@click.argument("uid")
def edit_config(*, uid: str) -> None:
    """Edit what the user UID says, in $EDITOR; asked again until it is valid or left unchanged."""
    clients = open_clients()
    stored = _stored(clients.database, uid)
    text = shown(stored.override)
    while True:
        edited = click.edit(text, extension=".json")
        if edited is None or edited == shown(stored.override):
            click.echo("nothing was changed")
            return
        try:
            _save(clients, uid, stored, as_object(edited.encode(), "your text"))
        except MalformedMessageError as error:
            for problem in error.problems:
                click.echo(problem, err=True)
            click.confirm("Edit it again?", default=True, abort=True)
            text = edited
        else:
            click.echo(f"stored the config of {uid}")
            return


def _save(clients: Clients, uid: str, seen: UserConfig, override: dict[str, Any]) -> None:
    """Store what was edited, unless the config has changed since it was seen."""
    with clients.database.transaction() as tx:
        stored = user_configs.lock(tx, uid)
        if stored is None or stored.version != seen.version:
            raise PermanentError(f"the config of {uid} has changed meanwhile: edit it again")
        limits, now = clients.settings.server_limits, SystemClock().now()
        config_store.replace(tx, uid, stored, override, None, limits, now)


def _stored(database: Database, uid: str) -> UserConfig:
    with database.transaction() as tx:
        stored = user_configs.read(tx, uid)
    if stored is None:
        raise PermanentError(f"{uid} has no config: see `countersign user add`")
    return stored


def _given(uid: str | None, file: Path | None, folder: Path | None) -> dict[str, dict[str, Any]]:
    """Read the documents of one user or of a folder, by user."""
    if folder is not None and uid is None:
        found = {each.stem: read_document(each) for each in sorted(folder.glob("*.json"))}
        if not found:
            raise click.UsageError(f"{folder} holds no UID.json")
        return found
    if uid is None or file is None or folder is not None:
        raise click.UsageError("give either UID and FILE, or --folder")
    return {uid: read_document(file)}


def _normal(document: dict[str, Any], settings: Settings) -> Any:
    """Return a stored document with all defaults; one that is not valid any more as it stands."""
    try:
        return validate(document, settings.server_limits).model_dump(mode="json")
    except MalformedMessageError:
        return document


def _difference(before: Any, after: Any) -> Iterator[str]:
    stored, new = (
        json.dumps(each, indent=2, sort_keys=True).splitlines() for each in (before, after)
    )
    return difflib.unified_diff(stored, new, "stored", "new", n=2, lineterm="")
