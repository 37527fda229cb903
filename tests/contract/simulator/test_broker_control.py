"""Scripting the simulator over HTTP, and killing it."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis

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

    def test_the_document_describes_every_route_and_nothing_else(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        document = http.get("/sim/openapi.json").json()

        described = {
            (method.upper(), path)
            for path, operations in document["paths"].items()
            for method in operations
        }
        routes = {
            (method, re.sub(r"<(?:path:)?(\w+)>", r"{\1}", rule.rule))
            for rule in broker.app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
            if rule.rule.startswith("/sim/")
        }
        assert described == routes
        readable: Any = schemathesis.openapi.from_dict(document)
        assert len([each.ok() for each in readable.get_all_operations()]) == len(routes)

    def test_a_script_splits_a_share_overnight(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        placed(http, qty="1")
        http.get("/v2/clock")

        announced = http.post("/sim/splits/AAPL", json={"new_rate": 2}).json()
        http.put("/sim/clock", json={"now": f"{announced['ex_date']}T16:00:00Z"})
        http.get("/v2/clock")

        assert (announced["kind"], announced["new_rate"]) == ("forward_split", 2)
        assert http.get("/sim/ledger").json()["positions"] == {"AAPL": "2"}
        assert http.post("/sim/splits/AAPL", json={"new_rate": 0}).status_code == 400
        assert broker.ledger.positions()

    def test_script_reads_the_ledger(self, http: httpx.Client) -> None:
        placed(http, qty="1")
        http.get("/v2/clock")

        ledger = http.get("/sim/ledger").json()

        assert ledger["positions"] == {"AAPL": "1"}
        assert [order["status"] for order in ledger["orders"]] == ["filled"]
        assert ledger["cash"] == "99771.99"

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
    def test_mistakes_of_a_script_are_refused_by_name(
        self, http: httpx.Client, method: str, path: str, body: Any
    ) -> None:
        reply = http.request(method, path, json=body)

        assert reply.status_code == 400
        assert reply.json()["message"]


# Each was taken, and made later requests fail or hang, or is of such a kind.
OUT_OF_BOUNDS: list[tuple[str, str, str]] = [
    ("PUT", "/sim/clock", '{"speed": "nan"}'),
    ("PUT", "/sim/clock", '{"speed": 1e300}'),
    ("PUT", "/sim/clock", '{"speed": null}'),
    ("PUT", "/sim/clock", '{"advance_seconds": "-inf"}'),
    ("PUT", "/sim/clock", '{"advance_seconds": 1e11}'),
    ("PUT", "/sim/clock", '{"now": "9999-12-31T23:59:59Z"}'),
    ("PUT", "/sim/clock", '{"now": "2026-10-08T15:00:00Z", "speed": 1}'),
    ("POST", "/sim/reset", '{"now": "0001-01-01T00:00:00+23:59"}'),
    ("PUT", "/sim/market/AAPL", '{"last": "1e-20000"}'),
    ("PUT", "/sim/market/AAPL", '{"last": "1e20000"}'),
    ("PUT", "/sim/market/AAPL", '{"last": "NaN"}'),
    ("PUT", "/sim/market/AAPL", '{"last": 1, "volume": -5}'),
    ("PUT", "/sim/market/AAPL", '{"last": 1, "live": "perhaps"}'),
    ("PUT", "/sim/market/AAPL", '{"last": 1, "last": 2}'),
    ("PUT", "/sim/market/AAPL", '{"last": \uff11}'),
    ("PUT", "/sim/assets/AAPL", '{"min_order_size": 0}'),
    ("PUT", "/sim/assets/AAPL", '{"tradable": "no"}'),
    ("PUT", "/sim/options/SPY261016C00500000", '{"bid": "Infinity"}'),
    ("PUT", "/sim/options/SPY261016C00500000", '{"bid": 1, "greeks": {"delta": "sNaN"}}'),
    ("POST", "/sim/faults", '{"kind": "slow", "delay": 1e9}'),
    ("POST", "/sim/faults", '{"kind": "slow", "delay": "long"}'),
    ("POST", "/sim/faults", '{"kind": "status", "status": 503, "path": 5}'),
    ("POST", "/sim/faults", '{"kind": "status", "status": 10000}'),
    ("POST", "/sim/faults", '{"kind": "status", "status": 503, "headers": {"a": "b\\r\\nc: d"}}'),
    ("POST", "/sim/faults", '{"kind": "partial_fill", "fraction": "1e-39"}'),
    ("POST", "/sim/faults", '{"kind": "stale_order", "client_order_id": 7}'),
    ("PATCH", "/sim/switches", '{"fill_delay_seconds": "soon"}'),
    ("PATCH", "/sim/switches", '{"multiplier": 1e30}'),
    ("PATCH", "/sim/switches", '{"currency": "US\\u0000D"}'),
    ("PATCH", "/sim/switches", "[" * 5000 + "]" * 5000),
]


@pytest.mark.parametrize(("method", "path", "body"), OUT_OF_BOUNDS)
def test_a_value_out_of_bounds_is_refused_and_the_broker_goes_on(
    http: httpx.Client, broker: SimulatedBroker, method: str, path: str, body: str
) -> None:
    refused = http.request(method, path, content=body.encode())

    assert refused.status_code == 400, refused.text
    assert broker.faults.waiting() == []
    assert placed(http, qty="1")["status"] in {"accepted", "pending_new", "new", "filled"}
    assert http.get("/v2/account").status_code == 200
    assert http.get("/v2/stocks/AAPL/snapshot").status_code == 200
    assert http.get("/sim/clock").json()["now"] == "2026-10-08T14:30:00Z"


def test_a_body_that_is_too_large_is_not_read(http: httpx.Client) -> None:
    body = b'{"speed": 1' + b" " * 64 * 1024 + b"}"

    assert http.put("/sim/clock", content=body).status_code == 413
    assert http.get("/sim/clock").json()["speed"] == 0


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

    def test_killed_simulator_still_has_every_order(
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
