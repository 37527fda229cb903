from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.holdings.positions import next_fill
from common.orders.broker_order import BrokerOrder
from common.orders.status import APPROVED, CANCELED, DENIED, SUBMITTING, TERMINAL, may_follow
from tests.unit.samples import NOON, order

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


@pytest.mark.parametrize("terminal", sorted(TERMINAL))
def test_nothing_follows_a_terminal_status(terminal: str) -> None:
    assert not any(may_follow(terminal, then) for then in (*BROKERS, SUBMITTING, DENIED, APPROVED))


def test_an_approved_order_is_claimed_denied_or_taken_back_and_nothing_else() -> None:
    allowed = {SUBMITTING, DENIED, CANCELED}

    assert {then for then in (*BROKERS, *OURS) if may_follow(APPROVED, then)} == allowed


@pytest.mark.parametrize("status", [SUBMITTING, "new", "partially_filled", "a_status_of_2030"])
def test_the_brokers_status_is_taken_once_an_order_was_claimed(status: str) -> None:
    assert all(may_follow(status, then) for then in (*BROKERS, "a_status_of_2030"))
    assert not any(may_follow(status, then) for then in (APPROVED, SUBMITTING))


def test_an_order_that_never_arrived_is_denied_and_one_at_the_broker_never() -> None:
    assert may_follow(SUBMITTING, DENIED)
    assert not any(may_follow(status, DENIED) for status in BROKERS)


@given(st.lists(st.sampled_from([*BROKERS, *OURS, "a_status_of_2030"]), max_size=12))
def test_a_terminal_status_is_reached_once_whatever_is_reported(received: list[str]) -> None:
    status, ends = APPROVED, 0
    for then in received:
        if may_follow(status, then):
            status = then
            ends += then in TERMINAL

    assert ends <= 1


def test_a_reading_that_has_the_same_less_or_older_is_no_update() -> None:
    known = order(
        status="partially_filled",
        filled_qty=Decimal(2),
        filled_avg_price=Decimal(10),
        broker_updated_at=NOON,
    )
    reported = {"status": "partially_filled", "filled_qty": "2", "filled_avg_price": "10"}
    later = {"updated_at": NOON + timedelta(seconds=1)}

    assert not broker_order(**reported).is_update_of(known)
    assert not broker_order(status="new", filled_qty="1", **later).is_update_of(known)
    assert not broker_order(**reported | {"status": SUBMITTING}).is_update_of(known)
    older = {"status": "new", "updated_at": NOON - timedelta(seconds=1)}
    assert not broker_order(**reported | older).is_update_of(known)
    assert broker_order(**reported | {"status": "canceled"} | later).is_update_of(known)
    assert broker_order(**reported | {"status": "canceled"}).is_update_of(known)
    assert broker_order(status="filled", filled_qty="3", **later).is_update_of(known)


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


def test_a_broker_order_is_read_with_unknown_keys_and_statuses() -> None:
    broker = broker_order(status="a_status_of_2030", surprise={"x": 1}, filled_qty="0.109649122")

    assert broker.broker_order_id == "b-1"
    assert broker.filled_qty == Decimal("0.109649122")
    assert broker.last_change == broker.submitted_at
    assert broker_order(filled_at=NOON).last_change == NOON


def test_an_order_without_an_id_is_not_an_order() -> None:
    with pytest.raises(ValidationError):
        broker_order(id="")


# Words and values that others met: alpaca-trade-api-csharp issues 95 and 96 (`sell_short`), 33
# (missing fields), an average price of 0, Go's zero time.
ODD: list[dict[str, Any]] = [
    {"side": "sell_short"},
    {"side": None},
    {"symbol": None},
    {"client_order_id": 7},
    {"filled_qty": None},
    {"filled_qty": "much"},
    {"filled_avg_price": "0"},
    {"filled_avg_price": ""},
    {"submitted_at": None},
    {"updated_at": "0001-01-01T00:00:00Z"},
    {"filled_at": ""},
    {"status": None},
    {"status": "accepted for 2030"},
]


@pytest.mark.parametrize("odd", ODD)
def test_an_unreadable_field_makes_no_order_unreadable(odd: dict[str, Any]) -> None:
    read = broker_order(**odd)

    assert read.broker_order_id == "b-1"
    assert read.update_of(order(status=SUBMITTING)) is not None


def test_an_unknown_status_is_kept_and_reported() -> None:
    read = broker_order(status="held_for_review", side="sell_short")

    assert (read.status, read.side) == ("held_for_review", "sell_short")
    assert read.anomalies == ("status: unknown word 'held_for_review'",)
    assert broker_order(filled_qty="much").anomalies[0].startswith("filled_qty: ")
    assert broker_order().anomalies == ()


@pytest.mark.parametrize("ended", ["canceled", "expired", "rejected", "replaced"])
@pytest.mark.parametrize("then", ["filled", "partially_filled", "canceled"])
def test_an_execution_that_is_reported_after_the_end_is_an_update(ended: str, then: str) -> None:
    known = order(status=ended, broker_updated_at=NOON)
    executed = {"status": then, "filled_qty": "0.5", "filled_avg_price": "492"}

    update = broker_order(**executed, updated_at=NOON - timedelta(seconds=1)).update_of(known)
    later = broker_order(**executed, updated_at=NOON + timedelta(seconds=1)).update_of(known)

    assert update is not None
    assert (update.filled_qty, update.status) == (Decimal("0.5"), ended)
    assert later is not None
    assert later.status == (ended if then == "partially_filled" else then)
    assert broker_order(status=then, updated_at=NOON).update_of(known) is None


@pytest.mark.parametrize("status", [APPROVED, DENIED])
def test_nothing_is_executed_of_an_order_that_was_not_sent(status: str) -> None:
    executed = broker_order(status="filled", filled_qty="1", filled_avg_price="492")

    assert executed.update_of(order(status=status)) is None


@pytest.mark.parametrize("unstated", [None, "0", ""])
@pytest.mark.parametrize("status", ["filled", "canceled", "expired"])
def test_an_execution_without_its_price_is_not_final(status: str, unstated: str | None) -> None:
    known = order(status="new")
    executed = {"status": status, "filled_qty": "0.5"}

    update = broker_order(**executed, filled_avg_price=unstated).update_of(known)

    assert update is not None
    assert (update.status, update.filled_qty, update.filled_avg_price) == (
        "calculated",
        Decimal(0),
        None,
    )
    known = order(status="calculated")
    assert broker_order(**executed, filled_avg_price=unstated).update_of(known) is None
    priced = broker_order(**executed, filled_avg_price="492").update_of(known)
    assert priced is not None
    assert (priced.status, priced.filled_qty) == (status, Decimal("0.5"))


def test_filled_without_a_quantity_is_not_final_either() -> None:
    update = broker_order(status="filled", filled_qty="0", filled_avg_price="492").update_of(
        order(status="new")
    )

    assert update is not None
    assert update.status == "calculated"


def test_a_missing_quantity_leaves_what_is_known() -> None:
    known = order(status="partially_filled", filled_qty=Decimal(2), filled_avg_price=Decimal(10))

    update = broker_order(status="canceled", filled_qty=None).update_of(known)

    assert update is not None
    assert update.status == "canceled"
    assert (update.filled_qty, update.filled_avg_price) == (
        known.filled_qty,
        known.filled_avg_price,
    )


@pytest.mark.parametrize(
    ("changes", "another"),
    [
        ({}, False),
        ({"side": "buy_minus"}, False),
        ({"side": "sell_short"}, True),
        ({"symbol": "AAPL"}, True),
        ({"symbol": None, "side": None}, False),
    ],
)
def test_an_order_under_our_id_is_ours_unless_it_visibly_is_not(
    changes: dict[str, Any], *, another: bool
) -> None:
    assert broker_order(**changes).contradicts(order()) is another
    coin = order(symbol="BTC/USD", asset_class="crypto")
    assert not broker_order(symbol="BTCUSD").contradicts(coin)
    assert not broker_order(symbol="BTC/USD").contradicts(coin)


# Lean issue 4014 and alpaca-trade-api-csharp issue 544: what a reading calls filled is all that is
# filled so far, 2 and then 5 of 5, never 7.
def test_a_filled_quantity_is_cumulative() -> None:
    first = broker_order(status="partially_filled", filled_qty="2", filled_avg_price="10")
    last = broker_order(status="filled", filled_qty="5", filled_avg_price="10.6")
    known = order(
        status="partially_filled", filled_qty=first.filled_qty, filled_avg_price=Decimal(10)
    )

    update = last.update_of(known)
    booked = next_fill("buy", (Decimal(2), Decimal(10)), (Decimal(5), Decimal("10.6")), NOON)

    assert update is not None
    assert update.filled_qty == 5
    assert booked is not None
    assert (booked.qty, booked.price) == (Decimal(3), Decimal(11))


# Alpaca-API issue 71: an order that was filled and canceled at once; tryphe/trader issue 2 and
# Bittrex's issue 228: of one that ended early, what was executed before counts (30 of 100).
@pytest.mark.parametrize(
    ("status", "executed"), [("canceled", "1"), ("canceled", "30"), ("expired", "30")]
)
def test_what_was_filled_before_the_end_is_booked_and_ended(status: str, executed: str) -> None:
    ended = broker_order(status=status, filled_qty=executed, filled_avg_price="492")
    known = order(status="new", qty=Decimal(100), notional_usd=None)

    update = ended.update_of(known)

    assert update is not None
    assert (update.status, update.filled_qty) == (status, Decimal(executed))
    fill = update.fill_since(known, NOON)
    assert fill is not None
    assert fill.qty == Decimal(executed)


# alpaca-py issue 153 (an order that the official client could not read for its status `held`), and
# words that nobody has seen.
@pytest.mark.parametrize(
    ("status", "is_odd"), [("held", False), ("accepted_for_bidding", False), ("on_review_2", True)]
)
def test_a_status_of_any_word_is_kept_and_an_unknown_one_is_reported(
    status: str, *, is_odd: bool
) -> None:
    read = broker_order(status=status, filled_qty="0")
    update = read.update_of(order(status=SUBMITTING))

    assert update is not None
    assert update.status == status
    assert bool(read.anomalies) is is_odd


# Lean.Brokerages.Alpaca issue 41: numbers instead of text, a key with a blank, nulls beside them.
def test_a_recorded_order_with_numbers_and_an_unknown_key_is_read() -> None:
    read = BrokerOrder.model_validate(
        {
            "id": "943da5dc-2d69-4383-a8c5-b23a1ff33141",
            "client_order_id": "563fa71d-a311-41b3-9633-514e9298c07f",
            "submitted_at": "2025-09-23T14:00:00.0000000Z",
            "updated_at": "2025-09-23T14:00:00.4509979Z",
            "filled_at": None,
            "expired_at ": None,
            "symbol": "TQQQ",
            "notional": None,
            "qty": 271.0,
            "filled_qty": 0.0,
            "side": "sell",
            "filled_avg_price": None,
            "status": "pending_new",
        }
    )

    assert (read.status, read.filled_qty) == ("pending_new", Decimal(0))
    assert not read.anomalies
    assert read.update_of(order(status=SUBMITTING, side="sell", symbol="TQQQ")) is not None


# Alpaca-API issue 51 (still new, though its cancellation was asked for), alpaca-trade-api-python
# issue 595 (canceled after hours: pending until the next open).
@pytest.mark.parametrize("status", ["new", "pending_cancel", "accepted"])
def test_an_order_that_only_waits_for_the_next_open_has_not_ended(status: str) -> None:
    update = broker_order(status=status).update_of(order(status=SUBMITTING))

    assert update is not None
    assert update.status not in TERMINAL
    assert may_follow(update.status, "filled")


def test_the_brokers_own_document_stays_with_what_was_read_of_it() -> None:
    document = {"id": "b-1", "status": "new", "filled_qty": "much", "legs": None}

    read = BrokerOrder.model_validate(document)
    update = read.model_copy(update={"status": "canceled"})

    assert read.unread
    assert (read.document, update.document) == (document, document)


def test_what_was_filled_since_is_the_difference_and_nothing_without_figures() -> None:
    known = order(status="partially_filled", filled_qty=Decimal(2), filled_avg_price=Decimal(10))

    fill = broker_order(filled_qty="4", filled_avg_price="11").fill_since(known, NOON)

    assert fill is not None
    assert [fill.qty, fill.price, fill.cum_qty] == [2, 12, 4]
    assert fill.filled_at == broker_order().submitted_at
    assert broker_order(filled_qty="4").fill_since(known, NOON) is None
    assert broker_order(filled_avg_price="11").fill_since(known, NOON) is None
