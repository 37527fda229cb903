"""The stack as a process group that is started, and killed as by a power cut."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import psutil

from tests.faults.killed.stack import STACK_FILE

_START_SECONDS = 600
_STOP_SECONDS = 300
_LOOK_SECONDS = 0.02


class KillableStack:
    """The stack on a folder: every process of it, the database's included, can be killed."""

    def __init__(self, folder: Path, app_url: str) -> None:
        self._folder = folder
        self._app_url = app_url
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return at once."""
        (self._folder / STACK_FILE).unlink(missing_ok=True)
        with (self._folder / "stack.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, "-m", "tests.faults.killed.stack", self._folder, self._app_url],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self) -> dict[str, str]:
        """Return where everything is, as soon as it answers."""
        deadline = time.monotonic() + _START_SECONDS
        while not (self._folder / STACK_FILE).exists():
            if self._main.poll() is not None or time.monotonic() > deadline:
                reply = (self._folder / "stack.log").read_text(errors="replace")
                raise RuntimeError(f"the stack did not start:\n{reply[-3000:]}")
            time.sleep(_LOOK_SECONDS)
        urls: dict[str, str] = json.loads((self._folder / STACK_FILE).read_text())
        return urls

    def kill(self, rng: Random) -> int:
        """Kill every process, in any order; return how many there were."""
        killed = 0
        while found := self._processes():
            rng.shuffle(found)
            for process in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                    killed += 1
            time.sleep(_LOOK_SECONDS)
        self._main.wait()
        return killed

    def stop(self) -> int:
        """End it in peace, and return its exit status."""
        self._main.send_signal(signal.SIGTERM)
        # The database writes everything to the disk, for which a busy machine takes its time.
        return self._main.wait(timeout=_STOP_SECONDS)

    def survivors(self) -> int:
        """Count the processes that are left."""
        return len(self._processes())

    @property
    def _main(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise AssertionError("the stack was not started")
        return self._process

    def _processes(self) -> list[psutil.Process]:
        """Find the group's processes, and the database's, which leave the group."""
        found: dict[int, psutil.Process] = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and self._is_ours(process):
                    found[process.pid] = process
                    found |= {child.pid: child for child in process.children(recursive=True)}
        return [process for process in found.values() if process.is_running()]

    def _is_ours(self, process: psutil.Process) -> bool:
        in_group = os.getpgid(process.pid) == self._main.pid
        return in_group or any(str(self._folder) in each for each in process.cmdline()[1:])
