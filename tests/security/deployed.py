"""Functions under gunicorn with threads, as deployed."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.conftest import ROOT


@dataclass(frozen=True)
class Deployed:
    """Where the functions answer, and what their server writes."""

    url: str
    log: Path
    pid: int

    @property
    def worker(self) -> Path:
        """What the system knows of the process that serves (`/proc`)."""
        (worker,) = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return Path(f"/proc/{worker}")


@contextmanager
def deployed(
    folder: Path,
    application: str = "infra.local.functions_server:application()",
    source: Path = ROOT,
) -> Iterator[Deployed]:
    """Run an application of `source`, all functions if not told otherwise, until the block ends.

    It has the environment of this process; its log is written into `folder`.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    log = folder / "gunicorn.log"
    arguments = ["--threads", "8", "--timeout", "120", "--bind", f"fd://{listening.fileno()}"]
    command = [sys.executable, "-m", "gunicorn", *arguments, "--worker-class", "gthread"]
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 (our own command)
            [*command, application],
            cwd=source,
            pass_fds=[listening.fileno()],
            env=os.environ | {"PYTHONPATH": str(source)},  # noqa: TID251 (what the test has set)
            stdout=out,
            stderr=out,
        )
    try:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        _wait_until_it_answers(url)
        yield Deployed(url, log, process.pid)
    finally:
        process.terminate()
        process.wait()
        listening.close()


@retry(
    retry=retry_if_exception_type(httpx.TransportError),
    stop=stop_after_delay(120),
    wait=wait_fixed(0.1),
    reraise=True,
)
def _wait_until_it_answers(url: str) -> None:
    httpx.get(url, timeout=120, trust_env=False)
