"""Each function runs alone, as `functions-framework --source functions/main.py --target …`."""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from infra.postgres.database import Database
from tests.conftest import ROOT, rows

pytestmark = [pytest.mark.usefixtures("environment", "user"), pytest.mark.timeout(300)]


@contextmanager
def alone(target: str) -> Iterator[httpx.Client]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 (the framework's own command)
        [
            f"{os.path.dirname(sys.executable)}/functions-framework",  # noqa: PTH120
            "--source",
            str(ROOT / "functions" / "main.py"),
            "--target",
            target,
            "--port",
            str(port),
            "--host",
            "127.0.0.1",
        ],
        cwd=ROOT,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            _wait_until_it_answers(client, process)
            yield client
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_answers(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.get("/robots.txt")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the function did not start")


def test_ingest_runs_alone(db: Database) -> None:
    with alone("ingest") as client:
        reply = client.post("/")

    assert reply.json() == {"inputs": 1, "facts": 9, "stored": 9}
    assert len(rows(db, "SELECT 1 FROM market_data_snapshots")) == 9


@pytest.mark.parametrize(
    ("target", "body", "status"),
    [
        ("answer", {}, 401),
        ("reconcile_orders", {}, 200),
        ("relay_outbox", {}, 200),
        ("push_snapshot", {"date": "never"}, 422),
        ("evaluate", {}, 200),
        ("submit_order", {}, 200),
    ],
)
def test_every_function_runs_alone(target: str, body: dict[str, str], status: int) -> None:
    with alone(target) as client:
        reply = client.post("/", json=body)

    assert reply.status_code == status, reply.text


@pytest.mark.parametrize("folder", ["functions", "."], ids=["checkout", "archive"])
def test_the_deployed_file_loads_where_the_project_is_not_installed(
    folder: str, tmp_path: Path
) -> None:
    for package in ("common", "functions", "infra"):
        shutil.copytree(ROOT / package, tmp_path / package)
    if folder == ".":
        shutil.move(tmp_path / "functions" / "main.py", tmp_path)
    packages = sysconfig.get_path("purelib")  # as a plain folder, without the project's own entry
    loading = f"import runpy, sys; sys.path.append({packages!r}); names = runpy.run_path('main.py')"

    done = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", "-c", f"{loading}; print(names['ingest'].__module__)"],
        cwd=tmp_path / folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "functions.ingest\n", done.stderr
