"""Many more approvals within a minute than the broker's limit on requests lets through."""

import random
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from common.orders.request_budget import RESERVED_FOR_OTHERS, RateLimit
from functions import wiring
from infra.postgres.database import Database
from infra.postgres.trading import request_budget
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, rows
from tests.functions.orders.approvals import approve, enroll_unasked
from tests.functions.steps import messages, submit, tick

pytestmark = pytest.mark.usefixtures("environment")

APPROVALS = 500
LIMIT = 200  # as the response headers state it: orders may use 160


@pytest.fixture(autouse=True)
def _room(environment: pytest.MonkeyPatch, db: Database, simulator: SimulatedBroker) -> None:
    for scope in ("", "SERVER_"):
        environment.setenv(f"HARD_MAX_{scope}ORDERS_PER_DAY", "10000")
        environment.setenv(f"HARD_MAX_{scope}NOTIONAL_USD_PER_4H", "10000")
    wiring.reset()
    wiring.current().clock = simulator.clock  # asking the broker for the time costs a request
    with db.transaction() as tx:
        request_budget.observe(tx, RateLimit(LIMIT, LIMIT, NOON), NOON)
    simulator.switches.enforce_rate_limits = True


def deliver(db: Database, simulator: SimulatedBroker, order_ids: list[UUID]) -> list[UUID]:
    """Deliver each approval once, in any order; return what still waits at the minute's end."""
    random.Random(14).shuffle(order_ids)
    for order_id in order_ids:
        submit(order_id)
    for api in ("trading", "data"):
        assert simulator.rate.used(api) <= LIMIT  # one more is a 429
    simulator.clock.advance(timedelta(seconds=61))
    waiting = {row["id"] for row in rows(db, "SELECT id FROM trade_orders WHERE status='approved'")}
    return [each for each in order_ids if each in waiting]


def test_a_storm_of_approvals_is_served_in_order_and_latecomers_are_told(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll_unasked(db)
    tick()
    first = NOON + timedelta(seconds=1)
    waiting = [
        approve(db, first + timedelta(seconds=n * 50 / APPROVALS), timedelta(seconds=130))
        for n in range(APPROVALS)
    ]
    simulator.clock.advance(timedelta(minutes=1))

    rounds = 0
    while waiting:
        waiting, rounds = deliver(db, simulator, waiting), rounds + 1

    assert rounds <= 3
    fates = rows(db, "SELECT status, denial_code FROM trade_orders ORDER BY created_at")
    codes = [row["denial_code"] for row in fates]
    served = codes.index("REQUEST_LIMIT")
    assert served >= LIMIT - RESERVED_FOR_OTHERS
    assert codes == [None] * served + ["REQUEST_LIMIT"] * (APPROVALS - served)
    at_broker = simulator.ledger.orders()
    assert len(at_broker) == len({order.client_order_id for order in at_broker}) == served
    assert sum((order.notional or Decimal(0) for order in at_broker), Decimal(0)) == served
    told = Counter(each["status"] for each in messages(db, "trade-updates"))
    assert told["denied"] == APPROVALS - served


def test_orders_of_many_symbols_are_within_the_limit_on_data_too(
    db: Database, simulator: SimulatedBroker
) -> None:
    """Orders in flight share the account, and each asks once for its own prices."""
    symbols = [f"S{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(70)]
    for symbol in symbols:
        simulator.market.set_price(symbol, 492, prev_close=492, live=True)
    shares = {"id": "shares", "source": "alpaca", "asset_class": "us_equity", "symbols": symbols}
    enroll_unasked(db, data_inputs=[shares])
    tick()
    simulator.clock.advance(timedelta(minutes=1))

    def approve_each(wanted: list[str]) -> list[UUID]:
        now, lasting = simulator.clock.now(), timedelta(minutes=15)
        return [
            approve(db, now + timedelta(microseconds=n), lasting, symbol=symbol)
            for n, symbol in enumerate(wanted)
        ]

    for order_id in approve_each(symbols):  # whose assets are then known for the day
        submit(order_id)
    simulator.clock.advance(timedelta(minutes=2))
    for order_id in approve_each(symbols * 2):
        submit(order_id)
        simulator.clock.advance(timedelta(seconds=0.41))

    for api in ("trading", "data"):
        assert simulator.rate.used(api) <= LIMIT
    assert len(simulator.ledger.orders()) == 3 * len(symbols)
