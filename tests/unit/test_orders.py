from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.orders.order import BrokerOrder, client_order_id
from common.orders.status import APPROVED, CANCELED, DENIED, SUBMITTING, TERMINAL, may_follow
from tests.unit.samples import NOON, QUESTION_ID, order

OURS = (APPROVED, SUBMITTING, DENIED)
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


def test_an_approved_order_is_claimed_denied_or_taken_back_and_nothing_else() -> None:
    allowed = {SUBMITTING, DENIED, CANCELED}

    assert {then for then in (*BROKERS, *OURS) if may_follow(APPROVED, then)} == allowed


@pytest.mark.parametrize("status", [SUBMITTING, "new", "partially_filled", "a_status_of_2030"])
def test_the_broker_is_believed_once_an_order_was_claimed(status: str) -> None:
    assert all(may_follow(status, then) for then in (*BROKERS, "a_status_of_2030"))
    assert not any(may_follow(status, then) for then in (APPROVED, SUBMITTING))


def test_an_order_that_never_arrived_is_denied_and_one_at_the_broker_never() -> None:
    assert may_follow(SUBMITTING, DENIED)
    assert not any(may_follow(status, DENIED) for status in BROKERS)


@given(st.lists(st.sampled_from([*BROKERS, *OURS, "a_status_of_2030"]), max_size=12))
def test_a_terminal_status_is_reached_once_whatever_is_said(received: list[str]) -> None:
    status, ends = APPROVED, 0
    for then in received:
        if may_follow(status, then):
            status = then
            ends += then in TERMINAL

    assert ends <= 1


def test_a_reading_that_says_the_same_less_or_older_is_no_news() -> None:
    known = order(
        status="partially_filled",
        filled_qty=Decimal(2),
        filled_avg_price=Decimal(10),
        broker_updated_at=NOON,
    )
    reported = {"status": "partially_filled", "filled_qty": "2", "filled_avg_price": "10"}
    later = {"updated_at": NOON + timedelta(seconds=1)}

    assert not broker_order(**reported).is_news_of(known)
    assert not broker_order(status="new", filled_qty="1", **later).is_news_of(known)
    assert not broker_order(**reported | {"status": SUBMITTING}).is_news_of(known)
    older = {"status": "new", "updated_at": NOON - timedelta(seconds=1)}
    assert not broker_order(**reported | older).is_news_of(known)
    assert broker_order(**reported | {"status": "canceled"} | later).is_news_of(known)
    assert broker_order(**reported | {"status": "canceled"}).is_news_of(known)
    assert broker_order(status="filled", filled_qty="3", **later).is_news_of(known)


def test_an_order_has_failed_when_the_broker_ended_it_and_executed_nothing() -> None:
    assert order(status="rejected").has_failed
    assert order(status="expired").has_failed
    assert not order(status="expired", filled_qty=Decimal(1)).has_failed
    assert not order(status="canceled").has_failed


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
    broker = broker_order(status="a_status_of_2030", surprise={"x": 1}, filled_qty="0.109649122")

    assert broker.broker_order_id == "b-1"
    assert broker.filled_qty == Decimal("0.109649122")
    assert broker.last_change == broker.submitted_at
    assert broker_order(filled_at=NOON).last_change == NOON


def test_an_order_without_an_id_is_not_an_order() -> None:
    with pytest.raises(ValidationError):
        broker_order(id="")
