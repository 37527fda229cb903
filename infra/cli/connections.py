"""The database and the broker that a command works on, open while it runs.

They are those that the environment names; where it names no database, those of the local stack
that runs in this folder.
"""

import click

from common.errors import PermanentError
from infra.cli.options import FOLDER
from infra.clients import Clients
from infra.runtime.settings import Settings, SettingsError, env_vars


def open_clients(*, pool_size: int = 1) -> Clients:
    """Open the clients; raises SettingsError where no database is named and no local stack runs.

    Several threads use `pool_size` connections to the database.
    """
    settings = Settings.from_environment(_environment())
    clients = Clients(settings, pool_size=pool_size)
    click.get_current_context().call_on_close(clients.close)
    return clients


def _environment() -> dict[str, str]:
    """Return this process's variables; the running stack's where they name no database."""
    environment = env_vars()
    if environment.get("DATABASE_URL") or environment.get("CLOUD_SQL_INSTANCE"):
        return environment
    from infra.local import stack_file  # noqa: PLC0415 (local only)

    try:
        running: dict[str, str] = stack_file.read(FOLDER)["environment"]
    except PermanentError as reason:
        raise SettingsError(f"no database is named: set DATABASE_URL; or {reason}") from reason
    return environment | running
