"""SIGKILL of the whole local stack, a few times (`make kills` does it a hundred times)."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.killed_postgres import forget_the_killed
from infra.local.postgres import embedded_postgres
from infra.postgres.database import Database, connector
from tests.conftest import rows
from tests.faults.killed.run import run


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that only this test knows: the server's own user must be able to enter it."""
    with tempfile.TemporaryDirectory(prefix="countersign-killed-") as path:
        yield Path(path)


def test_a_stack_that_is_killed_again_and_again_loses_and_doubles_no_order(folder: Path) -> None:
    outcome = run(folder, kills=5, seed=1, progress=lambda _: None)

    assert outcome.verdict.problems == []
    assert outcome.users.approved


@pytest.fixture
def data(folder: Path) -> Iterator[Path]:
    """The folder of a server that has run, and remembers a row."""
    with embedded_postgres(folder) as url:
        database = Database(connector(url))
        with database.transaction() as tx:
            tx.run("CREATE TABLE kept AS SELECT 1 AS one")
        database.close()
    yield folder / "data"
    with embedded_postgres(folder) as url:
        database = Database(connector(url))
        assert rows(database, "SELECT one FROM kept") == [{"one": 1}]
        database.close()


@pytest.mark.parametrize("lines", [0, 7])
def test_a_pid_file_that_was_never_finished_keeps_no_server_from_starting(
    data: Path, lines: int
) -> None:
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n" * lines)


def test_a_pid_that_is_another_server_by_now_keeps_no_server_from_starting(data: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="countersign-other-") as other,
        embedded_postgres(Path(other)),
    ):
        pid = (Path(other) / "data" / "postmaster.pid").read_text().splitlines()[0]
        status = [pid, str(data), "1", "5432", str(data), "", "1 2", "ready"]
        (data / "postmaster.pid").write_text("\n".join(status) + "\n")
        (data / ".s.PGSQL.5432.lock").write_text("\n".join(status[:5]) + "\n")

        with embedded_postgres(data.parent) as url:
            connector(url)().close()


def test_a_list_of_users_that_was_never_finished_keeps_no_server_from_starting(data: Path) -> None:
    (data / ".handle_pids.json").write_text("[12")


def test_the_last_user_who_lives_stops_the_server(data: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with embedded_postgres(data.parent):
        handles = data / ".handle_pids.json"
        handles.write_text(json.dumps([dead.pid, os.getpid()]))
        forget_the_killed(data)

        living = json.loads(handles.read_text())

    assert living == [os.getpid()]
    assert not (data / "postmaster.pid").exists()


@pytest.mark.parametrize("begun", ["PG_VERSION", "pg_hba.conf"])
def test_a_cluster_that_was_never_finished_is_made_anew(folder: Path, begun: str) -> None:
    (folder / "data").mkdir()
    (folder / "data" / begun).touch()

    with embedded_postgres(folder) as url:
        database = Database(connector(url))
        assert rows(database, "SELECT 1 AS one") == [{"one": 1}]
        database.close()
