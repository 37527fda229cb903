"""Google's own Pub/Sub emulator, started where it is installed (`gcloud` with Java)."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt

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


def create_anew(client: httpx.Client, url: str, body: Mapping[str, object]) -> None:
    """Create a topic or subscription in the place of one that is there; raises httpx.HTTPError."""
    client.delete(url)
    _create(client, url, body)


@retry(
    retry=retry_if_exception_type(httpx.TransportError),
    stop=stop_after_attempt(3),
    reraise=True,
)
def _create(client: httpx.Client, url: str, body: Mapping[str, object]) -> None:
    """Create it; that it exists already is the answer after a request whose reply was lost."""
    reply = client.put(url, json=body)
    if reply.status_code != HTTPStatus.CONFLICT:
        reply.raise_for_status()


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
