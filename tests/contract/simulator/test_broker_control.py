"""Scripting the simulator over HTTP, and killing it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.serving import HttpServer
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from tests.contract.conftest import (
    IN_SESSION,
    KEYS,
    look_up,
    placed,
    post,
    resting,
)

MINUTE = timedelta(minutes=1)


class TestControl:
    def test_script_drives_clock_prices_and_faults(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        moved = http.put("/sim/clock", json={"advance_seconds": 60}).json()
        price = http.put("/sim/market/IBM", json={"last": 181.25, "prev_close": "180"}).json()
        fault = http.post("/sim/faults", json={"kind": "status", "status": 503}).json()

        assert (moved["now"], moved["is_open"]) == ("2026-10-08T14:31:00Z", True)
        assert price["latestTrade"]["p"] == 181.25
        assert [waiting["kind"] for waiting in fault["waiting"]] == ["status"]
        assert http.get("/v2/clock").status_code == 503
        assert broker.market.symbols() == ["AAPL", "IBM", "SPY"]

    def test_script_reads_the_book(self, http: httpx.Client) -> None:
        placed(http, qty="1")
        http.get("/v2/clock")

        book = http.get("/sim/book").json()

        assert book["positions"] == {"AAPL": "1"}
        assert [order["status"] for order in book["orders"]] == ["filled"]
        assert book["cash"] == "99771.99"

    def test_reset_begins_again(self, http: httpx.Client) -> None:
        placed(http, qty="1")

        http.post("/sim/reset", json={"now": "2026-10-07T14:30:00Z"})

        assert http.get("/v2/orders?status=all").json() == []
        assert http.get("/v2/account").json()["cash"] == "100000"
        assert http.get("/sim/clock").json()["now"] == "2026-10-07T14:30:00Z"

    def test_clock_and_switches_by_script(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        http.put("/sim/clock", json={"speed": 60})
        running = broker.clock.speed
        http.put("/sim/clock", json={"speed": 0})
        http.patch("/sim/switches", json={"duplicate_code": 42210000})

        assert (running, broker.clock.speed) == (60, 0)
        assert broker.switches.duplicate_code == 42210000

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PUT", "/sim/clock", {"now": "2020-01-01T00:00:00Z"}),
            ("PUT", "/sim/clock", {"now": "yesterday"}),
            ("PUT", "/sim/clock", {}),
            ("PUT", "/sim/market/AAPL", {"last": "-1"}),
            ("PUT", "/sim/market/AAPL", {"last": "1", "prize": 3}),
            ("PUT", "/sim/market/aapl", {"last": "1"}),
            ("PUT", "/sim/market/AAPL", {"last": "cheap"}),
            ("POST", "/sim/faults", {"kind": "meteor"}),
            ("PATCH", "/sim/switches", {"no_such": True}),
        ],
    )
    def test_mistakes_of_a_script_are_told(
        self, http: httpx.Client, method: str, path: str, body: Any
    ) -> None:
        reply = http.request(method, path, json=body)

        assert reply.status_code == 400
        assert reply.json()["message"]


CHILD = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from infra.local.serving import HttpServer

clock = SimulatedClock(at=datetime(2026, 10, 8, 14, 30, tzinfo=UTC))
broker = SimulatedBroker(clock, database=Path(sys.argv[1]))
broker.market.set_price("AAPL", "228")
with HttpServer(broker.app) as server:
    print(server.url, flush=True)
    time.sleep(60)
"""


class TestRestart:
    @pytest.fixture
    def child(self, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
        process = subprocess.Popen(  # noqa: S603 (our own text)
            [sys.executable, "-c", CHILD, str(tmp_path / "ledger.sqlite")],
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout
            yield process, process.stdout.readline().strip()
            process.kill()

    def test_killed_simulator_still_knows_every_order(
        self, child: tuple[subprocess.Popen[str], str], tmp_path: Path
    ) -> None:
        process, url = child
        with httpx.Client(base_url=url, headers=KEYS) as http:
            filled = placed(http, notional="25", client_order_id="q-1")
            waiting = resting(http, client_order_id="q-2")

        process.send_signal(signal.SIGKILL)
        process.wait()
        clock = SimulatedClock(at=IN_SESSION + MINUTE)
        with (
            SimulatedBroker(clock, database=tmp_path / "ledger.sqlite") as broker,
            HttpServer(broker.app) as server,
            httpx.Client(base_url=server.url, headers=KEYS) as http,
        ):
            broker.market.set_price("AAPL", "228")
            again = post(http, qty="1", client_order_id="q-1")

            assert again.json()["message"] == "client_order_id must be unique"
            assert look_up(http, filled)["filled_qty"] != "0"
            assert look_up(http, waiting)["status"] == "new"
            assert http.get("/v2/account").json()["cash"] == "99975"
            assert len(http.get("/v2/positions").json()) == 1
