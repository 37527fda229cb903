"""One simulated broker behind a real port, on a Thursday morning in session."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from infra.local.serving import HttpServer
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.streams.server import StreamServer
from tests.waiting import PATIENCE_SECONDS

IN_SESSION = datetime(2026, 10, 8, 14, 30, tzinfo=UTC)
AFTER_THE_CLOSE = datetime(2026, 10, 8, 22, 0, tzinfo=UTC)
NEXT_OPENING = datetime(2026, 10, 9, 13, 30, tzinfo=UTC)

MARKET_BUY = {"symbol": "AAPL", "side": "buy", "type": "market", "time_in_force": "day"}
KEYS = {"APCA-API-KEY-ID": "sim-key", "APCA-API-SECRET-KEY": "sim-secret"}


@pytest.fixture
def broker() -> Iterator[SimulatedBroker]:
    with SimulatedBroker(SimulatedClock(at=IN_SESSION)) as broker:
        broker.market.set_price("AAPL", "228", prev_close="226.4", bid="227.99", ask="228.01")
        broker.market.set_price("SPY", "500", prev_close="510")
        yield broker


@pytest.fixture(scope="session")
def broker_port() -> Iterator[tuple[str, list[SimulatedBroker]]]:
    """One port for all tests; it serves the newest broker in the list."""
    brokers: list[SimulatedBroker] = []

    def newest(environ: Any, start_response: Any) -> Any:
        return brokers[-1].app(environ, start_response)

    with HttpServer(newest) as server:
        yield server.url, brokers


@pytest.fixture
def broker_address(broker: SimulatedBroker, broker_port: tuple[str, list[SimulatedBroker]]) -> str:
    url, brokers = broker_port
    brokers[:] = [broker]
    return url


@pytest.fixture
def http(broker_address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=broker_address, headers=KEYS, timeout=PATIENCE_SECONDS) as client:
        yield client


@pytest.fixture
def streams(broker: SimulatedBroker) -> Iterator[str]:
    """Return where the broker's streams are."""
    with StreamServer(broker) as server:
        yield server.url


def post(http: httpx.Client, **fields: Any) -> httpx.Response:
    return http.post("/v2/orders", json=MARKET_BUY | fields)


def placed(http: httpx.Client, **fields: Any) -> Any:
    reply = post(http, **fields)
    assert reply.status_code == 200, reply.text
    return reply.json()


def resting(http: httpx.Client, price: str = "200", **fields: Any) -> Any:
    return placed(http, **{"qty": "1", "type": "limit", "limit_price": price, **fields})


def look_up(http: httpx.Client, order: Any) -> Any:
    return http.get(f"/v2/orders/{order['id']}").json()
