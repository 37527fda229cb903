from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from common.orders import (
    APPROVED,
    DENIED,
    REJECTED,
    SUBMITTING,
    TERMINAL,
    BrokerOrder,
    client_order_id,
    may_follow,
)
from tests.unit.samples import NOON, QUESTION_ID, order

BROKERS = ("pending_new", "new", "accepted", "partially_filled", "filled", "canceled", "rejected")


def broker_order(**changes: Any) -> BrokerOrder:
    values: dict[str, Any] = {
        "id": "b-1",
        "client_order_id": "cs-1",
        "symbol": "SPY",
        "side": "buy",
        "status": "new",
        "submitted_at": "2026-02-10T17:00:00.104233871Z",
    }
    return BrokerOrder.model_validate(values | changes)


def test_the_client_order_id_is_derived_stable_and_short() -> None:
    assert client_order_id(QUESTION_ID) == client_order_id(UUID(str(QUESTION_ID)))
    assert len(client_order_id(QUESTION_ID)) <= 48


@pytest.mark.parametrize("terminal", sorted(TERMINAL))
def test_nothing_follows_a_terminal_status(terminal: str) -> None:
    assert not any(may_follow(terminal, then) for then in (*BROKERS, SUBMITTING, DENIED, APPROVED))


def test_an_approved_order_is_claimed_or_denied_and_nothing_else() -> None:
    assert may_follow(APPROVED, SUBMITTING)
    assert may_follow(APPROVED, DENIED)
    assert not any(may_follow(APPROVED, then) for then in (*BROKERS, REJECTED, APPROVED))


@pytest.mark.parametrize("status", [SUBMITTING, "new", "partially_filled", "a_status_of_2030"])
def test_the_broker_is_believed_once_an_order_was_claimed(status: str) -> None:
    assert all(may_follow(status, then) for then in (*BROKERS, "a_status_of_2030"))
    assert not any(may_follow(status, then) for then in (APPROVED, SUBMITTING, DENIED))


def test_an_order_goes_out_with_money_as_strings() -> None:
    assert order(notional_usd=Decimal("10.50")).to_wire() == {
        "client_order_id": "cs-1",
        "symbol": "SPY",
        "side": "buy",
        "notional": "10.5",
        "type": "market",
        "time_in_force": "day",
    }


def test_the_brokers_word_is_read_with_unknown_keys_and_statuses() -> None:
    said = broker_order(status="a_status_of_2030", surprise={"x": 1}, filled_qty="0.109649122")

    assert said.broker_order_id == "b-1"
    assert said.filled_qty == Decimal("0.109649122")
    assert not said.is_terminal
    assert said.last_change == said.submitted_at
    assert broker_order(status="filled", filled_at=NOON).is_terminal
    assert broker_order(filled_at=NOON).last_change == NOON


def test_an_order_without_an_id_is_not_an_order() -> None:
    with pytest.raises(ValidationError):
        broker_order(id="")
