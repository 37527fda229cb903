"""Real crashes: the process that runs the functions is killed with SIGKILL."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from common.messages import OrderApproved
from infra.local.functions_server import FunctionsServer
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import rows
from tests.functions.steps import approved, event, order_row
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.usefixtures("environment", "user")


@pytest.fixture
def functions(tmp_path: Path) -> Iterator[FunctionsServer]:
    """The functions in a process of their own, in the environment of the test."""
    with FunctionsServer(tmp_path / "functions.log") as server:
        server.start(os.environ)  # noqa: TID251 (a child process inherits it)
        yield server


def crash(
    db: Database, functions: FunctionsServer, order_id: UUID, begun: Callable[[], bool]
) -> tuple[dict[str, Any], httpx.Response]:
    """Kill the functions once the delivery of an order has begun; start them and deliver it again.

    Returns the order as it stood in between, and the reply to the second delivery.
    """
    headers, body = event(OrderApproved(order_id=order_id))
    delivery = threading.Thread(target=_post_and_lose, args=(functions.url, headers, body))
    delivery.start()
    while not begun():
        delivery.join(0.01)
    functions.kill()
    delivery.join()
    between = order_row(db, order_id)
    functions.start(os.environ)  # noqa: TID251 (as above)
    again = httpx.post(f"{functions.url}/submit_order", headers=headers, content=body)
    return between, again


def test_a_crash_after_the_broker_accepted_and_before_the_record(
    db: Database, simulator: SimulatedBroker, functions: FunctionsServer
) -> None:
    order_id = approved(db)
    # The broker takes the order, and answers so late that the process is dead by then.
    simulator.faults.add("accept_then_timeout", method="POST", path="/v2/orders", delay=1.0)

    between, redelivered = crash(db, functions, order_id, lambda: bool(simulator.ledger.orders()))

    assert (between["status"], between["alpaca_order_id"]) == ("submitting", None)
    assert redelivered.status_code == 200
    (at_broker,) = simulator.ledger.orders()
    assert order_row(db, order_id)["alpaca_order_id"] == at_broker.id
    assert len(rows(db, "SELECT 1 FROM fills")) == 1


def test_a_crash_while_the_broker_is_asked_for_a_price_changes_nothing(
    db: Database, simulator: SimulatedBroker, functions: FunctionsServer
) -> None:
    order_id = approved(db)
    simulator.faults.add("slow", delay=1.0, path="/v2/stocks/snapshots")

    between, redelivered = crash(
        db, functions, order_id, lambda: bool(simulator.faults.injected("slow"))
    )

    assert (between["status"], between["reserved_at"]) == ("approved", None)
    assert redelivered.status_code == 200
    assert len(simulator.ledger.orders()) == 1


def _post_and_lose(url: str, headers: dict[str, str], body: str) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{url}/submit_order", headers=headers, content=body, timeout=PATIENCE_SECONDS)
