"""The simulator's ledger adds up, whatever went wrong; and its audit finds what does not."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from infra.simulator.broker import SimulatedBroker
from infra.simulator.errors import ApiError
from infra.simulator.execution import order_request
from infra.simulator.ledger import audit
from infra.simulator.ledger.orders import Order, Status
from infra.simulator.market.clock import SimulatedClock
from tests.contract.conftest import IN_SESSION, MARKET_BUY

KINDS: list[tuple[str, dict[str, Any]]] = [
    ("partial_fill", {"fraction": "0.3", "every": 20, "worse_by": "0.07"}),
    ("partial_fill", {"fraction": "0.35", "executions": 1}),
    ("reject_late", {"delay": 5}),
    ("cancel_at_broker", {"delay": 30}),
    ("pending_new_for", {"seconds": 40}),
    ("hold_status", {"status": "suspended", "seconds": 40}),
]
AMOUNTS = st.one_of(
    st.builds(lambda qty: {"qty": str(qty)}, st.integers(1, 9)),
    st.builds(lambda cents: {"notional": f"{cents / 100:.2f}"}, st.integers(100, 90_000)),
)
SIDES = st.sampled_from(["buy", "buy", "sell"])
STEPS = st.one_of(
    st.tuples(st.just("place"), st.tuples(st.sampled_from(KINDS), SIDES, AMOUNTS)),
    st.tuples(st.just("move"), st.integers(20_000, 26_000)),
    st.tuples(st.just("wait"), st.sampled_from([1, 10, 30, 30, 300, 40_000])),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
)


def place(broker: SimulatedBroker, **fields: Any) -> Order:
    with broker.exclusive():
        return broker.order_validation.accept(order_request.parse(MARKET_BUY | fields))


def take(broker: SimulatedBroker, step: str, value: Any) -> None:
    if step == "place":
        (kind, parameters), side, amount = value
        broker.faults.add(kind, **parameters)
        place(broker, side=side, **amount)
    elif step == "move":
        broker.market.set_price("AAPL", Decimal(value) / 100)
    elif step == "wait":
        broker.clock.advance(timedelta(seconds=value))
    elif orders := broker.ledger.open_orders():
        order = orders[value % len(orders)]
        broker.ledger.save(replace(order, status=Status.PENDING_CANCEL))


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, min_size=5, max_size=25))
def test_the_ledger_adds_up_after_any_sequence_of_orders(steps: list[tuple[str, Any]]) -> None:
    with SimulatedBroker(SimulatedClock(at=IN_SESSION)) as broker:
        broker.market.set_price("AAPL", "228")
        for step, value in steps:
            try:
                take(broker, step, value)
            except ApiError as refusal:
                assert refusal.status in (403, 422)  # noqa: PT017 (not all orders can be placed)
            assert audit.problems(broker.ledger) == []

        broker.faults.stop()
        broker.clock.advance(timedelta(days=5))

        assert broker.ledger.open_orders() == []
        assert audit.problems(broker.ledger) == []


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"filled_qty": Decimal(1)}, "filled_qty 1, executed 2"),
        ({"filled_avg_price": Decimal(1)}, "filled_avg_price 1, executed for 456"),
        ({"qty": Decimal(1)}, "executed more than was ordered"),
        ({"qty": None, "notional": Decimal(9)}, "executed more than was ordered"),
        ({"qty": Decimal(3)}, "filled with 2 of 3"),
        ({"side": "sell"}, "executed as another order"),
        ({"id": "other"}, "the id of 2 orders"),
    ],
)
def test_audit_finds_what_does_not_add_up(
    broker: SimulatedBroker, wrong: dict[str, Any], found: str
) -> None:
    order = place(broker, qty="2")
    broker.market.set_price("AAPL", "228")
    assert audit.problems(broker.ledger) == []

    filled = broker.ledger.order(order.id)
    assert filled is not None
    broker.ledger.save(replace(filled, **wrong))

    assert found in " ".join(audit.problems(broker.ledger))


def test_audit_counts_cash_and_positions_again(broker: SimulatedBroker) -> None:
    order = place(broker, qty="2")
    broker.work()
    connection = broker.ledger._connection
    for change in ("UPDATE account SET cash = 7", "DELETE FROM positions"):
        connection.execute(change)

    cash, positions = audit.problems(broker.ledger)

    assert order.is_open
    assert cash == "cash 7, by the executions 99543.98"
    assert positions == "positions {}, by the executions {'AAPL': Decimal('2')}"
