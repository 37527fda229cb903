"""What becomes of an order after the reply, and what a cancellation can still do."""

from datetime import timedelta
from decimal import Decimal

import httpx

from infra.simulator.broker import SimulatedBroker
from tests.contract.conftest import (
    AFTER_THE_CLOSE,
    IN_SESSION,
    NEXT_OPENING,
    look_up,
    placed,
    resting,
)

MINUTE = timedelta(minutes=1)


class TestFills:
    def test_reply_never_contains_a_fill(self, http: httpx.Client) -> None:
        order = placed(http, qty="1")

        found = look_up(http, order)

        assert (order["status"], order["filled_qty"]) == ("pending_new", "0")
        assert (found["status"], found["filled_avg_price"]) == ("filled", "228.01")
        assert found["filled_at"] > order["created_at"]
        assert found["updated_at"] > found["filled_at"]

    def test_fill_can_take_its_time(self, http: httpx.Client, broker: SimulatedBroker) -> None:
        broker.switches.fill_delay_seconds = 2
        order = placed(http, qty="1")

        early = look_up(http, order)
        broker.clock.advance(timedelta(seconds=3))

        assert early["status"] == "pending_new"
        assert look_up(http, order)["status"] == "filled"

    def test_order_by_notional_moves_whole_cents(self, http: httpx.Client) -> None:
        order = placed(http, notional="25")

        found = look_up(http, order)

        assert found["qty"] is None
        filled = Decimal(found["filled_qty"]) * Decimal(found["filled_avg_price"])
        assert Decimal("24.9999") < filled <= 25
        assert http.get("/v2/account").json()["cash"] == "99975"

    def test_sale_fills_at_the_bid(self, http: httpx.Client) -> None:
        placed(http, qty="2")

        sale = placed(http, side="sell", qty="2")

        assert look_up(http, sale)["filled_avg_price"] == "227.99"
        assert http.get("/v2/positions").json() == []
        assert http.get("/v2/account").json()["cash"] == "99999.96"

    def test_sale_by_notional_never_sells_more_than_is_held(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        look_up(http, placed(http, qty="1"))
        broker.switches.fill_delay_seconds = 60
        sale = placed(http, side="sell", notional="227")
        broker.market.set_price("AAPL", "100")

        broker.clock.advance(timedelta(minutes=2))

        assert look_up(http, sale)["filled_qty"] == "1"
        assert http.get("/v2/positions").json() == []

    def test_empty_side_fills_at_the_last_trade(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.market.set_price("AAPL", "229", ask="0")

        order = placed(http, qty="1")

        assert look_up(http, order)["filled_avg_price"] == "229"

    def test_limit_order_waits_for_its_price(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        order = resting(http, price="200")
        waiting = look_up(http, order)

        broker.market.set_price("AAPL", "199.9")

        found = look_up(http, order)
        assert waiting["status"] == "new"
        assert waiting["submitted_at"] > order["submitted_at"]
        assert (found["status"], found["filled_avg_price"]) == ("filled", "199.91")

    def test_long_step_of_the_clock_skips_no_price(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        order = resting(http, price="200")
        broker.market.set_price("AAPL", "199", at=IN_SESSION + 5 * MINUTE)
        broker.market.set_price("AAPL", "230", at=IN_SESSION + 6 * MINUTE)

        broker.clock.set(IN_SESSION + 60 * MINUTE)

        found = look_up(http, order)
        assert found["filled_avg_price"] == "199.01"
        assert found["filled_at"].startswith("2026-10-08T14:35:00")

    def test_order_fills_at_the_price_it_was_placed_at(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        order = placed(http, qty="1")

        broker.market.set_price("AAPL", "300")

        assert look_up(http, order)["filled_avg_price"] == "228.01"

    def test_clock_does_not_carry_an_order_to_a_later_price(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.market.set_price("AAPL", "300", at=IN_SESSION + MINUTE)
        order = placed(http, qty="1")

        broker.clock.advance(MINUTE)

        found = look_up(http, order)
        assert found["filled_avg_price"] == "228.01"
        assert found["filled_at"].startswith("2026-10-08T14:30:00")

    def test_order_after_the_close_waits_for_the_opening(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.clock.set(AFTER_THE_CLOSE)
        order = placed(http, qty="1")
        overnight = look_up(http, order)

        broker.clock.set(NEXT_OPENING)

        assert (order["status"], overnight["status"]) == ("accepted", "accepted")
        assert order["expires_at"] == "2026-10-09T20:00:00Z"
        assert look_up(http, order)["status"] == "filled"

    def test_unfilled_day_order_expires_with_the_session(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        order = resting(http)

        broker.clock.set(AFTER_THE_CLOSE)

        found = look_up(http, order)
        assert found["status"] == "expired"
        assert found["expired_at"].startswith("2026-10-08T20:00:00")

    def test_extended_hours_order_trades_after_the_close(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.clock.set(AFTER_THE_CLOSE)
        order = resting(http, price="230", extended_hours=True)

        assert order["status"] == "pending_new"
        assert look_up(http, order)["status"] == "filled"

    def test_last_equity_is_the_worth_at_the_close(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        placed(http, qty="10")
        broker.market.set_price("AAPL", "230")
        broker.clock.set(AFTER_THE_CLOSE)
        broker.market.set_price("AAPL", "250")

        account = http.get("/v2/account").json()

        assert (account["balance_asof"], account["last_equity"]) == ("2026-10-08", "100019.9")
        assert account["equity"] == "100219.9"


class TestCancelling:
    def test_cancel_is_answered_before_it_happens(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        order = resting(http)

        reply = http.delete(f"/v2/orders/{order['id']}")
        meanwhile = broker.ledger.orders()[0].status

        assert (reply.status_code, reply.content) == (204, b"")
        assert meanwhile == "pending_cancel"
        assert look_up(http, order)["status"] == "canceled"

    def test_filled_order_cannot_be_cancelled(self, http: httpx.Client) -> None:
        order = placed(http, qty="1")

        reply = http.delete(f"/v2/orders/{order['id']}")

        assert reply.status_code == 422
        assert reply.json() == {
            "code": 42210000,
            "message": 'order is already in "filled" state',
        }

    def test_fill_can_win_after_the_204(self, http: httpx.Client, broker: SimulatedBroker) -> None:
        order = resting(http, price="200")
        reply = http.delete(f"/v2/orders/{order['id']}")

        broker.market.set_price("AAPL", "199")

        assert reply.status_code == 204
        assert look_up(http, order)["status"] == "filled"

    def test_cancelling_twice_is_no_error(self, http: httpx.Client) -> None:
        order = resting(http)

        replies = [http.delete(f"/v2/orders/{order['id']}").status_code for _ in range(3)]

        assert replies == [204, 204, 204]
