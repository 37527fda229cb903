"""Each function runs alone, as `functions-framework --source functions/main.py --target …`."""

import json
import os
import re
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

from infra.local.functions_server import NAMES
from infra.postgres.database import Database
from tests.conftest import ROOT, rows
from tests.security.deployed import deployed
from tests.unit.test_deployed import deployed_files
from tests.waiting import PATIENCE_SECONDS

PAGES = ("templates", "static")
pytestmark = pytest.mark.usefixtures("environment", "user")


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
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
            _wait_until_it_answers(client, process)
            yield client
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_answers(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
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


each_function = pytest.mark.parametrize(
    ("target", "body", "status"),
    [
        ("ingest", {}, 200),
        ("answer", {}, 401),
        ("reconcile_orders", {}, 200),
        ("relay_outbox", {}, 200),
        ("push_snapshot", {"date": "never"}, 422),
        ("evaluate", {}, 200),
        ("ask", {}, 200),
        ("submit_order", {}, 200),
        ("account_api", {}, 404),
        ("console", {}, 405),
    ],
)


@each_function
def test_every_function_runs_alone(target: str, body: dict[str, str], status: int) -> None:
    with alone(target) as client:
        reply = client.post("/", json=body)

    assert reply.status_code == status, reply.text


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Terraform packs, laid out in a folder."""
    folder = tmp_path_factory.mktemp("archive")
    pages = (file for kind in PAGES for file in (ROOT / "functions/pages" / kind).iterdir())
    for file in (*deployed_files(), *(page.relative_to(ROOT) for page in pages)):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    text = (ROOT / "terraform/artifacts.tf").read_text()
    [entry_point] = re.findall(r'^  entry_point = (".*")$', text, re.MULTILINE)
    (folder / "main.py").write_text(json.loads(entry_point))
    return folder


@each_function
def test_every_function_runs_from_the_archive_under_gunicorn(
    target: str, body: dict[str, str], status: int, archive: Path, tmp_path: Path
) -> None:
    application = f"functions_framework:create_app({target!r}, 'main.py')"

    with deployed(tmp_path, application, archive) as server:
        reply = httpx.post(server.url, json=body, timeout=PATIENCE_SECONDS, trust_env=False)

    assert reply.status_code == status, reply.text


def test_every_function_is_run() -> None:
    [cases] = each_function.args[1:]

    assert {case[0] for case in cases} == set(NAMES)


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
