"""The official Pub/Sub emulator, for the tests that ask it what is right."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

_START_SECONDS = 60
_READY = "Server started, listening on"
# Some malformed bodies hang the emulator: never wait long for it.
TIMEOUT = httpx.Timeout(5)


@contextmanager
def pubsub_emulator(folder: Path, project: str) -> Iterator[httpx.Client]:
    """Run the emulator and yield a client of it; skip the test where it is not installed."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        pytest.skip("gcloud and Java are not installed, so there is no Pub/Sub emulator to ask")
    with (
        _running(gcloud, folder, project) as address,
        httpx.Client(base_url=f"http://{address}", timeout=TIMEOUT, trust_env=False) as client,
    ):
        yield client


@contextmanager
def _running(gcloud: str, folder: Path, project: str) -> Iterator[str]:
    """Run it in a process group of its own, and end the whole group: java is a child."""
    address = f"127.0.0.1:{_free_port()}"
    start = [gcloud, "--quiet", "beta", "emulators", "pubsub", "start"]
    options = [f"--project={project}", f"--host-port={address}", f"--data-dir={folder}"]
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603
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
            pytest.skip("gcloud is here, but its Pub/Sub emulator does not start")
        if time.monotonic() > deadline:
            pytest.fail("the emulator was not ready in time")
        time.sleep(0.05)
