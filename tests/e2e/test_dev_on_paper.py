"""`countersign dev` with Alpaca keys: the real hosts are played by a simulator elsewhere."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import QueryOrderStatus
from alpaca.trading.requests import GetOrdersRequest

from infra.local.serving import HttpServer
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from tests.e2e.test_dev import dev, pending_question
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def account() -> Iterator[str]:
    """The paper hosts; SPY has fallen."""
    broker = SimulatedBroker(
        SimulatedClock(), always_open=True, key_id="PKTEST", secret_key="elsewhere"
    )
    broker.market.set_price("SPY", 492, prev_close=500, live=True)
    with broker, HttpServer(broker.app) as server:
        yield server.url


@pytest.fixture
def folder(tmp_path: Path, account: str) -> Path:
    """A folder whose .env holds the account's keys."""
    (tmp_path / ".env").write_text(
        "ALPACA_API_KEY_ID=PKTEST\nALPACA_API_SECRET_KEY=elsewhere\n"
        f"ALPACA_TRADING_BASE_URL={account}\nALPACA_DATA_BASE_URL={account}\n"
    )
    return tmp_path


def countersign(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-m", "infra", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_yes_becomes_an_order_on_the_account_of_the_keys(folder: Path, account: str) -> None:
    sdk: Any = TradingClient("PKTEST", "elsewhere", paper=True, url_override=account)
    with dev(folder) as stack:
        assert stack["broker"] == account
        question_id, _ = pending_question(stack)
        answered = countersign(folder, "answer", question_id, "10")
        assert answered.returncode == 0, answered.stderr
        order = _awaited_order(sdk, f"cs-{question_id}-")
        listed = countersign(folder, "user", "list")  # the commands find the running stack

    assert order.symbol == "SPY"
    assert str(order.notional) == "10"
    assert "demo-user" in listed.stdout


def test_wrong_keys_stop_it_before_anything_starts(folder: Path) -> None:
    environment = folder / ".env"
    environment.write_text(environment.read_text().replace("elsewhere", "wrong"))

    refused = countersign(folder, "dev", "--port", "0")

    assert refused.returncode == 1
    assert "cannot be read" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (folder / ".countersign" / "stack.json").exists()


def test_the_live_host_is_refused(folder: Path) -> None:
    (folder / ".env").write_text(
        "ALPACA_API_KEY_ID=AK1\nALPACA_API_SECRET_KEY=s\n"
        "ALPACA_TRADING_BASE_URL=https://api.alpaca.markets\n"
    )

    refused = countersign(folder, "dev", "--port", "0")

    assert refused.returncode == 1
    assert "trades paper only" in refused.stderr


def test_the_simulator_is_used_when_it_is_asked_for(folder: Path, account: str) -> None:
    with dev(folder, "--simulator") as stack:
        assert stack["broker"] != account


def _awaited_order(sdk: Any, beginning: str) -> Any:
    """Return the order whose id begins so, once the account has it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        orders = sdk.get_orders(filter=GetOrdersRequest(status=QueryOrderStatus.ALL))
        found = [each for each in orders if each.client_order_id.startswith(beginning)]
        if found:
            return found[0]
        assert time.monotonic() < deadline, "the order never reached the account"
        time.sleep(0.1)


def test_variables_of_the_process_stand_above_the_file(folder: Path) -> None:
    environment = {**os.environ, "ALPACA_API_SECRET_KEY": "wrong"}  # noqa: TID251
    refused = subprocess.run(
        [sys.executable, "-m", "infra", "dev", "--port", "0"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )

    assert refused.returncode == 1
