"""What counts towards the caps: whose orders, since when, and never the order that is judged."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.market import trading_day_start
from functions import wiring
from infra.postgres.database import Database
from infra.postgres.trading import exposure
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, USER, enroll
from tests.functions.steps import approved, order_row, submit

pytestmark = pytest.mark.usefixtures("environment")

WINDOW = timedelta(hours=4)
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("guardrails", "server"),
    [
        ({"max_orders_per_day": 1}, {}),
        ({"max_notional_usd_per_4h": 10}, {}),
        ({}, {"HARD_MAX_SERVER_ORDERS_PER_DAY": "1"}),
        ({}, {"HARD_MAX_SERVER_NOTIONAL_USD_PER_DAY": "10"}),
        ({}, {"HARD_MAX_SERVER_NOTIONAL_USD_PER_4H": "10"}),
    ],
)
def test_an_order_that_is_sent_again_is_not_in_its_own_way(
    environment: pytest.MonkeyPatch,
    db: Database,
    simulator: SimulatedBroker,
    guardrails: dict[str, Any],
    server: dict[str, str],
) -> None:
    for name, value in server.items():
        environment.setenv(name, value)
    wiring.reset()
    enroll(db, USER, guardrails=guardrails)
    order_id = approved(db)
    simulator.faults.add("status", status=503, method="POST", path="/v2/orders")
    submit(order_id)
    assert order_row(db, order_id)["reserved_usd"] == 10

    assert submit(order_id).status_code == 200

    assert len(simulator.ledger.orders()) == 1


def placed(db: Database, reserved_at: datetime | None = None, status: str | None = None) -> UUID:
    """Place an order of 10 USD, and change when it was reserved, or how it stands."""
    order_id = approved(db)
    submit(order_id)
    with db.transaction() as tx:
        tx.run(
            """
            UPDATE trade_orders SET status = coalesce(:status, status),
                   reserved_at = coalesce(CAST(:reserved_at AS timestamptz), reserved_at)
            """,
            status=status,
            reserved_at=reserved_at,
        )
    return order_id


def counted(db: Database, now: datetime) -> tuple[int, int, int]:
    """Return orders today, and notional in the window and today, as the two sums agree on them."""
    with db.transaction() as tx:
        own = exposure.reserved(tx, USER, now)
        everybody = exposure.reserved_by_all(tx, now, without=uuid4())
    assert (everybody.orders_today, everybody.notional_in_window) == (
        own.orders_today,
        own.notional_in_window,
    )
    return own.orders_today, int(own.notional_in_window), int(everybody.notional_today)


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("reserved_at", "expected"),
    [
        (NOON, (1, 10, 10)),
        (NOON - WINDOW + INSTANT, (1, 10, 10)),
        (NOON - WINDOW, (1, 0, 10)),
        (trading_day_start(NOON), (1, 0, 10)),
        (trading_day_start(NOON) - INSTANT, (0, 0, 0)),
    ],
)
def test_an_order_counts_for_its_day_and_for_four_hours(
    db: Database, reserved_at: datetime, expected: tuple[int, int, int]
) -> None:
    placed(db, reserved_at=reserved_at)

    assert counted(db, NOON) == expected


@pytest.mark.usefixtures("user")
def test_just_after_midnight_the_window_holds_what_the_day_does_not(db: Database) -> None:
    midnight = trading_day_start(NOON)
    placed(db, reserved_at=midnight - timedelta(hours=1))

    assert counted(db, midnight) == (0, 10, 0)


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("status", "counts"),
    [("rejected", False), ("canceled", True), ("expired", True), ("filled", True)],
)
def test_only_a_proven_rejection_gives_a_slot_back(
    db: Database, status: str, *, counts: bool
) -> None:
    placed(db, status=status)

    assert counted(db, NOON) == ((1, 10, 10) if counts else (0, 0, 0))


@pytest.mark.usefixtures("user")
def test_the_order_that_is_judged_is_left_out_and_no_other(db: Database) -> None:
    order_id = placed(db)

    with db.transaction() as tx:
        own = [exposure.reserved(tx, USER, NOON, without=each) for each in (order_id, uuid4())]
        everybody = [
            exposure.reserved_by_all(tx, NOON, without=each) for each in (order_id, uuid4())
        ]
        of_another = exposure.reserved(tx, "another", NOON)

    assert [each.orders_today for each in own] == [0, 1]
    assert [each.orders_today for each in everybody] == [0, 1]
    assert of_another.orders_today == 0
