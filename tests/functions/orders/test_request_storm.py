"""Many more approvals within a minute than the broker's limit on requests lets through."""

from datetime import timedelta
from decimal import Decimal

import pytest

from common.orders.request_budget import RESERVED_FOR_OTHERS, RateLimit
from functions import wiring
from infra.postgres.database import Database
from infra.postgres.trading import request_budget
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, rows
from tests.functions.orders.approvals import approve, enroll_unasked
from tests.functions.steps import submit, tick

pytestmark = [pytest.mark.usefixtures("environment"), pytest.mark.timeout(600)]

APPROVALS = 500
LIMIT = 200  # as the response headers state it: orders may use 160


def test_a_storm_of_approvals_is_served_in_order_and_latecomers_are_told(
    db: Database,
    simulator: SimulatedBroker,
    environment: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for scope in ("", "SERVER_"):
        environment.setenv(f"HARD_MAX_{scope}ORDERS_PER_DAY", "10000")
        environment.setenv(f"HARD_MAX_{scope}NOTIONAL_USD_PER_4H", "10000")
    wiring.reset()
    wiring.current().clock = simulator.clock  # asking the broker for the time costs a request
    enroll_unasked(db)
    tick()
    first = NOON + timedelta(seconds=1)
    order_ids = [
        approve(db, first + timedelta(seconds=n * 50 / APPROVALS), timedelta(seconds=130))
        for n in range(APPROVALS)
    ]
    with db.transaction() as tx:
        request_budget.observe(tx, RateLimit(LIMIT, LIMIT, NOON), NOON)
    simulator.clock.advance(timedelta(minutes=1))
    simulator.switches.enforce_rate_limits = True

    for _ in range(3):
        for order_id in order_ids:
            submit(order_id)
        waiting = rows(db, "SELECT id FROM trade_orders WHERE status = 'approved'")
        order_ids = [each for each in order_ids if each in {row["id"] for row in waiting}]
        simulator.clock.advance(timedelta(seconds=61))

    assert order_ids == []
    assert "too many requests" not in caplog.text
    fates = rows(db, "SELECT status, denial_code FROM trade_orders ORDER BY created_at")
    codes = [row["denial_code"] for row in fates]
    served = codes.index("REQUEST_LIMIT")
    assert served >= LIMIT - RESERVED_FOR_OTHERS
    assert codes == [None] * served + ["REQUEST_LIMIT"] * (APPROVALS - served)
    at_broker = simulator.ledger.orders()
    assert len(at_broker) == len({order.client_order_id for order in at_broker}) == served
    assert sum((order.notional or Decimal(0) for order in at_broker), Decimal(0)) == served
