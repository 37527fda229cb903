"""`make` sets up what the lock names, whatever the index offers and wherever it was interrupted."""

import json
import os
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.setup.conftest import Checkout

LOCKED = {"helper-1.0", "measure-1.0", "small_project-1.0"}


def test_exactly_the_lock_is_installed_when_the_index_offers_newer_releases(
    checkout: Checkout,
) -> None:
    done = checkout.make()

    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.installed() == LOCKED


def test_each_step_is_shown_once(checkout: Checkout) -> None:
    done = checkout.make()

    shown = [line.split(",")[0].strip() for line in done.stdout.splitlines()]
    assert shown == [
        "make the virtual environment .venv",
        "install requirements-dev.txt",
        "all 2 downloaded; unpacking",
        "install the project itself",
    ]


def test_a_second_run_needs_no_index(checkout: Checkout) -> None:
    checkout.make()

    again = checkout.make(PIP_FIND_LINKS="")

    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_persons_own_pip_configuration_changes_nothing(
    checkout: Checkout, tmp_path: Path
) -> None:
    constraint = tmp_path / "constraint.txt"
    constraint.write_text("measure>=2\n")

    done = checkout.make(PIP_CONSTRAINT=str(constraint), PIP_USER="1")

    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.installed() == LOCKED


def test_a_failed_step_is_named_with_what_to_try(checkout: Checkout) -> None:
    nowhere = " ".join(f"file:///nowhere/{number}" for number in range(300))  # a warning for each

    done = checkout.make(PIP_FIND_LINKS=nowhere)

    assert done.returncode != 0
    assert "Failed: install requirements-dev.txt" in done.stderr
    assert "No matching distribution found for measure" in done.stderr
    assert "Try: run the same command again" in done.stderr
    assert len((done.stdout + done.stderr).splitlines()) < 20


def test_a_failed_set_up_is_not_taken_for_installed(checkout: Checkout) -> None:
    checkout.make(PIP_FIND_LINKS="")

    again = checkout.make()

    assert again.returncode == 0
    assert checkout.installed() == LOCKED


def test_a_set_up_that_was_killed_begins_anew(checkout: Checkout) -> None:
    with _Index(checkout.index) as index:
        links = f"http://127.0.0.1:{index.server_port}/"
        environment = checkout.environment(PIP_FIND_LINKS=links)
        killed = subprocess.Popen(  # noqa: S603
            checkout.command, cwd=checkout.root, env=environment, start_new_session=True
        )
        assert index.asked.wait(60)
        _kill_all_of(killed)
        (checkout.packages / "measure-1.0.dist-info").mkdir()  # as pip leaves it in the middle
        (checkout.packages / "measure-1.0.dist-info" / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: measure\nVersion: 1.0\n"
        )
        index.answer.set()

    again = checkout.make()

    assert again.returncode == 0, again.stdout + again.stderr
    assert checkout.installed() == LOCKED
    assert (checkout.packages / "measure.py").exists()


def test_another_python_makes_the_environment_anew(checkout: Checkout) -> None:
    checkout.make()
    stamp, other = checkout.root / ".venv" / ".installed", checkout.root / ".venv" / "of another"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {"python": "/another/python3 3.9"}))
    other.touch()

    done = checkout.make()

    assert done.returncode == 0
    assert not other.exists()
    assert checkout.installed() == LOCKED


def test_a_changed_project_is_installed_again_and_its_packages_are_kept(
    checkout: Checkout,
) -> None:
    checkout.make()
    kept = checkout.packages / "kept"
    kept.touch()
    with (checkout.root / "pyproject.toml").open("a") as project:
        project.write("# changed\n")

    done = checkout.make()

    assert done.stdout.split() == ["install", "the", "project", "itself"]
    assert kept.exists()


def test_a_folder_that_was_moved_is_set_up_again(checkout: Checkout) -> None:
    checkout.make()
    moved = Checkout(checkout.root.rename(checkout.root.with_name("moved")), checkout.index)

    done = moved.make()

    assert "make the virtual environment" in done.stdout
    assert moved.installed() == LOCKED


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

    def do_GET(self) -> None:  # noqa: N802 (the base class's name)
        self.server.asked.set()
        self.server.answer.wait()


def _kill_all_of(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
