"""Google's own Pub/Sub emulator, started where it is installed (`gcloud` with Java)."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.errors import TradingError

_START_SECONDS = 60
_READY = "Server started, listening on"


class NoEmulatorError(TradingError):
    """There is no emulator on this machine; the text says why."""


@contextmanager
def pubsub_emulator(folder: Path, project: str) -> Iterator[str]:
    """Run the emulator and yield its `host:port`; raises NoEmulatorError where there is none.

    It runs in a process group of its own, and the whole group ends with it: Java is a child.
    """
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        raise NoEmulatorError("gcloud and Java are not installed, so there is no Pub/Sub emulator")
    address = f"127.0.0.1:{_free_port()}"
    start = [gcloud, "--quiet", "beta", "emulators", "pubsub", "start"]
    options = [f"--project={project}", f"--host-port={address}", f"--data-dir={folder}"]
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 (found above)
            [*start, *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, log)
        yield address
    finally:
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while _READY not in log.read_text(errors="replace"):
        if process.poll() is not None:
            raise NoEmulatorError("gcloud is here, but its Pub/Sub emulator does not start")
        if time.monotonic() > deadline:
            raise NoEmulatorError(f"the Pub/Sub emulator was not ready in {_START_SECONDS} seconds")
        time.sleep(0.05)
