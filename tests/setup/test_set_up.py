"""`make` sets up what the lock names, whatever the index offers and wherever it was interrupted."""

import json
import os
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.setup.conftest import Checkout
from tests.waiting import PATIENCE_SECONDS

LOCKED = {"helper-1.0", "measure-1.0", "small_project-1.0"}


def test_exactly_the_lock_is_installed_when_the_index_offers_newer_releases(
    set_up: tuple[Checkout, str],
) -> None:
    checkout, shown = set_up

    assert checkout.installed() == LOCKED
    assert [line.split(",")[0].strip() for line in shown.splitlines()] == [
        "make the virtual environment .venv",
        "install requirements-dev.txt",
        "all 2 downloaded; unpacking",
        "install the project itself",
    ]


def test_a_second_run_needs_no_index(set_up: tuple[Checkout, str]) -> None:
    checkout, _ = set_up

    again = checkout.make(PIP_FIND_LINKS="")

    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_changed_project_is_installed_again_and_its_packages_are_kept(
    set_up: tuple[Checkout, str],
) -> None:
    checkout, _ = set_up
    kept = checkout.packages / "kept"
    kept.touch()
    with (checkout.root / "pyproject.toml").open("a") as project:
        project.write("# changed\n")

    done = checkout.make()

    assert done.stdout.split() == ["install", "the", "project", "itself"]
    assert kept.exists()


def test_a_failed_step_is_named_with_what_to_try(checkout: Checkout) -> None:
    nowhere = " ".join(f"file:///nowhere/{number}" for number in range(300))  # a warning for each

    done = checkout.make(PIP_FIND_LINKS=nowhere)

    assert done.returncode != 0
    assert "Failed: install requirements-dev.txt" in done.stderr
    assert "No matching distribution found for measure" in done.stderr
    assert "Try: run the same command again" in done.stderr
    assert len((done.stdout + done.stderr).splitlines()) < 20


def test_a_set_up_that_was_killed_begins_anew_whatever_pip_is_configured_to_do(
    checkout: Checkout, tmp_path: Path
) -> None:
    with _Index(checkout.index) as index:
        links = f"http://127.0.0.1:{index.server_port}/"
        environment = checkout.environment(PIP_FIND_LINKS=links)
        killed = subprocess.Popen(  # noqa: S603
            checkout.command, cwd=checkout.root, env=environment, start_new_session=True
        )
        assert index.asked.wait(PATIENCE_SECONDS)
        _kill_all_of(killed)
        (checkout.packages / "measure-1.0.dist-info").mkdir()  # as pip leaves it in the middle
        (checkout.packages / "measure-1.0.dist-info" / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: measure\nVersion: 1.0\n"
        )
        index.answer.set()
    constraint = tmp_path / "constraint.txt"
    constraint.write_text("measure>=2\n")

    again = checkout.make(PIP_CONSTRAINT=str(constraint), PIP_USER="1")

    assert again.returncode == 0, again.stdout + again.stderr
    assert checkout.installed() == LOCKED
    assert (checkout.packages / "measure.py").exists()


@pytest.mark.parametrize("changed", ["python", "folder", "lock"])
def test_another_python_folder_or_lock_makes_the_environment_anew(
    set_up: tuple[Checkout, str], changed: str
) -> None:
    checkout, _ = set_up
    stamp, old = checkout.root / ".venv" / ".installed", checkout.root / ".venv" / "old"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {changed: "another"}))
    old.touch()

    done = checkout.make()

    assert done.returncode == 0
    assert not old.exists()
    assert checkout.installed() == LOCKED


class _Index(ThreadingHTTPServer):
    """An index that answers nothing before it is told to."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked, self.answer = threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), _Hangs)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Hangs(BaseHTTPRequestHandler):
    server: _Index

    def do_GET(self) -> None:
        self.server.asked.set()
        self.server.answer.wait()


def _kill_all_of(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
