"""The app backends of docs/guides/app-backend.md, as they stand there, against the local stack."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import playwright
import pytest

from infra.local.app_backend import AppBackend
from infra.local.demo import MORNING
from infra.local.driver import Driver
from infra.local.stack import WEBHOOK_SECRET, User, local_stack
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from tests.conftest import ROOT, rows
from tests.waiting import PATIENCE_SECONDS

EXAMPLES = ROOT / "docs/guides/examples"
# One that runs TypeScript, whatever is installed beside it.
NODE = Path(playwright.__file__).parent / "driver" / "node"
DART = shutil.which("dart")


def why_not(name: str) -> str | None:
    """Say what an example's language lacks here, or None."""
    if name.endswith(".dart") and not DART:
        return "there is no Dart here"
    if name.endswith(".ts"):
        tried = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        return tried.stderr.strip() if tried.returncode else None
    return None


COMMANDS = {
    "app_backend.py": [sys.executable],
    "app_backend.ts": [str(NODE)],
    "app_backend.dart": [DART or "dart", "run"],
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_until_listening(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("it does not listen")


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_asked_answers_and_hears_of_the_fill(name: str, tmp_path: Path) -> None:
    if reason := why_not(name):
        pytest.skip(reason)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    pushes = {"questions-created": [f"{base}/questions"], "trade-updates": [f"{base}/updates"]}
    with (
        SimulatedBroker(SimulatedClock(MORNING)) as simulator,
        local_stack(
            tmp_path, simulator, AppBackend(), [User("ann")], keep=False, pushes=pushes
        ) as stack,
    ):
        environment = {
            "PORT": str(port),
            "ANSWER_URL": f"{stack.functions.url}/answer",
            "ANSWER_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        process = start([*COMMANDS[name], str(EXAMPLES / name)], environment)
        wait_until_listening(process, port)
        simulator.market.set_price("SPY", 492, prev_close=500, live=True)
        driver = Driver(stack)
        driver.ingest()
        said = read_until(process, "decided: approve")
        assert stack.bus.drain(PATIENCE_SECONDS)
        simulator.clock.advance(timedelta(minutes=1))
        driver.reconcile()
        said += read_until(process, "Bought ")
        (order,) = rows(stack.database, "SELECT status FROM trade_orders")
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)

    assert "SPY is down 1.6%" in said
    assert order["status"] == "filled"


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Read what it prints up to the line with these words; raises AssertionError at its end."""
    said = ""
    for line in process.stdout or ():
        said += line
        if words in line:
            return said
    raise AssertionError(said)


def start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 (our own example)
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_the_guide_shows_each_of_them() -> None:
    guide = (ROOT / "docs/guides/app-backend.md").read_text()

    assert {path.name for path in EXAMPLES.iterdir()} == set(COMMANDS)
    assert all((EXAMPLES / name).read_text() in guide for name in COMMANDS)
