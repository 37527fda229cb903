"""`countersign stream` beside `reconcile_orders`: who records a fill, also when it is away."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from infra.clients import Clients
from infra.postgres.database import Database
from infra.postgres.trading import order_tracking
from infra.runtime.settings import Settings
from infra.simulator.broker import SimulatedBroker
from infra.simulator.streams.server import StreamServer
from infra.worker.streams import order_worker, workers
from infra.workflows.outbox_relay import Relay
from infra.workflows.stream.order_worker import OrderWorker
from tests.conftest import USER, enroll, rows
from tests.faults.test_adoption import take_its_id
from tests.functions.ingest.test_ingest_inputs import asked
from tests.functions.ingest.test_streamed import worker
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import approved, messages, order_row, submit

__all__ = ["asked"]

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _streams(environment: pytest.MonkeyPatch, simulator: SimulatedBroker) -> Iterator[None]:
    simulator.switches.fill_delay_seconds = 3  # nothing is filled in the answer to its submission
    with StreamServer(simulator) as server:
        environment.setenv("ALPACA_STREAM_URL", server.url)
        yield


@contextmanager
def following(db: Database) -> Iterator[None]:
    """Run the worker, from when all that it must know is known."""
    clients = Clients(Settings.from_environment(), pool_size=3)
    worker = order_worker(clients, Relay(clients.database, clients.publisher, clients.clock))
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    try:
        until(lambda: is_whole(db))
        yield
    finally:
        worker.close()
        thread.join()
        clients.close()


def until(condition: Callable[[], object]) -> None:
    while not condition():
        pass


def is_whole(db: Database) -> bool:
    return bool(rows(db, "SELECT 1 FROM order_tracking WHERE source = 'stream'"))


def submitted(db: Database, uid: str) -> UUID:
    enroll(db, uid)
    order_id = approved(db, uid)
    assert submit(order_id).status_code == 200
    return order_id


def status(db: Database, order_id: UUID) -> str:
    return str(order_row(db, order_id)["status"])


def fill(simulator: SimulatedBroker) -> None:
    simulator.clock.advance(timedelta(seconds=4))
    simulator.work()


def test_a_fill_is_booked_and_told_without_polling(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    with following(db):
        order_id = submitted(db, USER)
        asked.clear()
        fill(simulator)
        until(lambda: status(db, order_id) == "filled")

    (held,) = simulator.ledger.positions()
    (booked,) = rows(db, "SELECT qty, price FROM fills")
    assert booked == {"qty": held.qty, "price": Decimal("492.01")}
    assert messages(db, "trade-updates")[-1]["status"] == "filled"
    assert (
        rows(db, "SELECT 1 FROM outbox WHERE topic = 'trade-updates' AND published_at IS NULL")
        == []
    )
    assert "/v2/orders" not in asked


def test_while_updates_come_orders_are_polled_less_often(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    simulator.switches.fill_delay_seconds = 3600
    with following(db):
        submitted(db, USER)
        asked.clear()
        polled = []
        for _ in range(6):
            simulator.clock.advance(MINUTE)
            until(lambda: marked_at(db) == simulator.clock.now())
            reconcile()
            polled.append(asked.count("/v2/orders"))
            asked.clear()

    assert polled == [0, 0, 0, 0, 1, 0]


def test_a_killed_worker_leaves_it_to_polling_within_two_ticks(
    db: Database, simulator: SimulatedBroker
) -> None:
    with worker() as process:
        first = submitted(db, "first")
        fill(simulator)
        until(lambda: status(db, first) == "filled" or process.poll() is not None)
        order_id = submitted(db, USER)
        process.kill()
        process.wait()
    fill(simulator)

    for _ in range(2):
        simulator.clock.advance(MINUTE)
        reconcile()

    assert status(db, order_id) == "filled"


def test_what_happened_while_nobody_listened_is_asked_for(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id = submitted(db, USER)
    fill(simulator)

    with following(db):
        assert status(db, order_id) == "filled"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_breaks_at_random_lose_nothing_and_duplicates_double_nothing(
    db: Database, simulator: SimulatedBroker, seed: int
) -> None:
    dice = random.Random(seed)
    simulator.faults.add("partial_fill", times=6, fraction="0.3")
    simulator.faults.add("duplicate_frame", path="/stream", times=20, probability=0.4, seed=seed)
    simulator.faults.add("disconnect", path="/stream", times=4, probability=0.3, seed=seed)
    with following(db):
        orders = []
        for number in range(6):
            orders.append(submitted(db, f"user-{number}"))
            if dice.random() < 0.5:
                fill(simulator)
        fill(simulator)
        until(lambda: {status(db, order_id) for order_id in orders} == {"filled"})

    assert simulator.faults.injected("disconnect")
    assert simulator.faults.injected("duplicate_frame")
    (booked,) = rows(db, "SELECT sum(qty) AS qty, sum(qty * price) AS cost FROM fills")
    (held,) = simulator.ledger.positions()
    at_broker = simulator.ledger.orders()
    assert booked["qty"] == held.qty == sum(order.filled_qty for order in at_broker)
    assert round(booked["cost"], 6) == round(
        sum(order.filled_qty * (order.filled_avg_price or 0) for order in at_broker), 6
    )
    told = [m["order_id"] for m in messages(db, "trade-updates") if m["status"] == "filled"]
    assert sorted(told) == sorted(map(str, orders))


def test_an_order_whose_user_is_busy_is_asked_about_later(
    db: Database, simulator: SimulatedBroker
) -> None:
    with following(db):
        busy, other = submitted(db, "busy"), submitted(db, "other")
        with db.transaction() as tx:
            tx.rows("SELECT 1 FROM users WHERE firebase_uid = 'busy' FOR UPDATE")
            fill(simulator)
            until(lambda: status(db, other) == "filled")
            assert status(db, busy) != "filled"
        until(lambda: status(db, busy) == "filled")


def test_orders_that_are_not_ours_are_left_alone(db: Database, simulator: SimulatedBroker) -> None:
    keys = {"APCA-API-KEY-ID": "sim-key", "APCA-API-SECRET-KEY": "sim-secret"}
    by_hand = {"symbol": "SPY", "side": "buy", "type": "market", "time_in_force": "day", "qty": "1"}
    with following(db):
        simulator.app.test_client().post("/v2/orders", json=by_hand, headers=keys)
        order_id = submitted(db, USER)
        fill(simulator)
        until(lambda: status(db, order_id) == "filled")

    assert len(rows(db, "SELECT 1 FROM fills")) == 1


@pytest.mark.parametrize("change", ["side", "symbol"])
def test_an_update_of_another_order_under_the_id_of_ours_changes_nothing(
    db: Database, simulator: SimulatedBroker, change: str
) -> None:
    enroll(db, "unsure")
    unsure = approved(db, "unsure")
    simulator.faults.add("status", status=503, method="POST", path="/v2/orders")
    submit(unsure)
    before = order_row(db, unsure)
    simulator.switches.fill_delay_seconds = 0
    with following(db):
        take_its_id(db, unsure, change)
        other = submitted(db, USER)
        until(lambda: status(db, other) == "filled")

    assert before["status"] == "submitting"
    assert order_row(db, unsure) == before
    assert {row["order_id"] for row in rows(db, "SELECT order_id FROM fills")} == {other}


@pytest.mark.parametrize("ahead", [timedelta(days=-1), timedelta(minutes=2), timedelta(days=400)])
def test_an_instant_that_no_worker_can_have_written_keeps_nobody_from_polling(
    db: Database, simulator: SimulatedBroker, ahead: timedelta
) -> None:
    order_id = submitted(db, USER)
    reconcile()
    fill(simulator)
    with db.transaction() as tx:
        order_tracking.mark(tx, "stream", simulator.clock.now() + ahead)

    reconcile()

    assert status(db, order_id) == "filled"


def test_without_trading_order_updates_alone_are_followed(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TRADING_ENABLED", "false")
    clients = Clients(Settings.from_environment())

    (only,) = workers(clients)

    assert isinstance(only, OrderWorker)
    clients.close()


def marked_at(db: Database) -> object:
    return rows(db, "SELECT seen_at FROM order_tracking WHERE source = 'stream'")[0]["seen_at"]
