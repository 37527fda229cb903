"""Orders that take a worse course than most: in parts, late, held, ended by the broker."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from alpaca.trading.client import TradingClient
from alpaca.trading.models import Order as SdkOrder

from infra.simulator.broker import SimulatedBroker
from tests.contract.conftest import AFTER_THE_CLOSE, NEXT_OPENING, look_up, placed, resting

SECOND = timedelta(seconds=1)


def fills(http: httpx.Client) -> list[Any]:
    found: list[Any] = http.get("/v2/account/activities/FILL?direction=asc").json()
    return found


def states(http: httpx.Client, order: Any, count: int) -> list[str]:
    return [look_up(http, order)["status"] for _ in range(count)]


class TestPartialFills:
    def test_order_fills_in_parts_at_the_prices_of_their_time(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("partial_fill", fraction="0.3", every=10)
        order = placed(http, qty="10")

        part = look_up(http, order)
        for price in ("229", "230", "231"):
            broker.market.set_price("AAPL", price)
            broker.clock.advance(10 * SECOND)

        whole = look_up(http, order)
        assert (part["status"], part["filled_qty"]) == ("partially_filled", "3")
        assert (part["filled_avg_price"], part["filled_at"]) == ("228.01", None)
        assert (whole["status"], whole["filled_qty"]) == ("filled", "10")
        # 3 at 228.01, 3 at 229.01, 3 at 230.01, 1 at 231.01
        assert whole["filled_avg_price"] == "229.21"
        assert broker.faults.injected("partial_fill") == 1

    def test_each_execution_is_an_activity(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("partial_fill", fraction="0.4")
        order = placed(http, qty="1.5")

        assert states(http, order, 3) == ["partially_filled", "partially_filled", "filled"]
        rows = [(f["type"], f["qty"], f["cum_qty"], f["leaves_qty"]) for f in fills(http)]
        assert rows == [
            ("partial_fill", "0.6", "0.6", "0.9"),
            ("partial_fill", "0.6", "1.2", "0.3"),
            ("fill", "0.3", "1.5", "0"),
        ]
        assert [f["order_status"] for f in fills(http)] == [*["partially_filled"] * 2, "filled"]

    def test_order_by_notional_fills_in_parts_that_move_whole_cents(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("partial_fill", fraction="0.35", worse_by="0.1")
        order = placed(http, notional="25")

        seen = [look_up(http, order) for _ in range(3)]

        executed = [(Decimal(f["qty"]), Decimal(f["price"])) for f in fills(http)]
        filled = sum((qty for qty, _ in executed), Decimal(0))
        paid = sum((qty * price for qty, price in executed), Decimal(0))
        assert [price for _, price in executed] == [
            Decimal(price) for price in ("228.01", "228.11", "228.21")
        ]
        assert [each["status"] for each in seen] == [*["partially_filled"] * 2, "filled"]
        assert Decimal(seen[-1]["filled_qty"]) == filled
        assert Decimal("24.9999") < paid <= 25
        assert abs(Decimal(seen[-1]["filled_avg_price"]) - paid / filled) < Decimal("1e-8")
        assert http.get("/v2/account").json()["cash"] in ("99975", "99974.99", "99975.01")

    def test_worse_price_stays_within_the_limit(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("partial_fill", worse_by="5")
        order = resting(http, price="230", qty="2")

        states(http, order, 2)

        assert [fill["price"] for fill in fills(http)] == ["228.01", "230"]

    def test_rest_that_never_fills_expires_with_the_session(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("partial_fill", executions=1)
        order = placed(http, qty="4")
        before = states(http, order, 3)

        broker.clock.set(AFTER_THE_CLOSE)

        found = look_up(http, order)
        assert before == ["partially_filled"] * 3
        assert (found["status"], found["filled_qty"]) == ("expired", "2")
        assert http.get("/v2/positions/AAPL").json()["qty"] == "2"

    def test_rest_is_cancelled_and_the_part_stays(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("partial_fill", executions=1)
        order = placed(http, qty="4")
        look_up(http, order)

        http.delete(f"/v2/orders/{order['id']}")

        found = look_up(http, order)
        assert (found["status"], found["filled_qty"]) == ("canceled", "2")
        assert found["canceled_at"] is not None

    def test_part_can_execute_while_the_cancellation_is_pending(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("partial_fill", fraction="0.25")
        order = placed(http, qty="4")
        look_up(http, order)

        http.delete(f"/v2/orders/{order['id']}")

        found = look_up(http, order)
        assert (found["status"], found["filled_qty"]) == ("canceled", "3")

    def test_single_share_cannot_be_parted(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("partial_fill")

        order = placed(http, qty="1")

        assert look_up(http, order)["status"] == "filled"
        assert broker.faults.injected("partial_fill") == 0
        assert len(broker.faults.waiting()) == 1

    def test_some_orders_fill_in_parts_by_chance_and_the_same_ones_again(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.switches.partial_fill_probability = 0.5
        runs = []
        for seed in (7, 7, 8):
            broker.reset()
            broker.market.set_price("AAPL", "228")
            broker.switches.partial_fill_seed = seed
            for _ in range(12):
                look_up(http, placed(http, notional="100"))
            runs.append([(fill["type"], fill["qty"]) for fill in fills(http)])

        assert runs[0] == runs[1] != runs[2]
        assert {kind for kind, _ in runs[0]} == {"fill", "partial_fill"}

    def test_chance_is_that_of_the_switch(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.switches.partial_fill_probability = 0.1
        for _ in range(200):
            placed(http, notional="2")
        http.get("/v2/clock")

        assert 8 <= broker.faults.injected("partial_fill") <= 35


class TestHolding:
    def test_order_stays_pending_new_for_its_time(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("pending_new_for", seconds=30, symbol="AAPL")
        held, other = placed(http, qty="1"), placed(http, symbol="SPY", qty="1")
        early = look_up(http, held)["status"], look_up(http, other)["status"]

        broker.clock.advance(29 * SECOND)
        late = look_up(http, held)["status"]
        broker.clock.advance(SECOND)

        assert early == ("pending_new", "filled")
        assert late == "pending_new"
        assert look_up(http, held)["status"] == "filled"
        assert broker.faults.injected("pending_new_for") == 1

    @pytest.mark.parametrize(
        "status",
        [
            *("held", "accepted_for_bidding", "stopped", "suspended", "calculated"),
            *("done_for_day", "pending_replace", "unheard_of"),
        ],
    )
    def test_order_passes_through_any_status(
        self, http: httpx.Client, broker: SimulatedBroker, status: str
    ) -> None:
        broker.faults.add("hold_status", status=status, seconds=5)
        order = placed(http, qty="1")
        meanwhile = look_up(http, order)["status"]
        listed = [each["status"] for each in http.get("/v2/orders").json()]

        broker.clock.advance(5 * SECOND)

        assert meanwhile == status
        assert listed == ([] if status == "held" else [status])
        assert look_up(http, order)["status"] == "filled"

    def test_hold_counts_from_the_opening(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.clock.set(AFTER_THE_CLOSE)
        broker.faults.add("hold_status", status="suspended", seconds=5)
        order = placed(http, qty="1")
        overnight = look_up(http, order)["status"]

        broker.clock.set(NEXT_OPENING)

        assert overnight == "accepted"
        assert look_up(http, order)["status"] == "suspended"

    def test_held_order_can_be_cancelled(self, http: httpx.Client, broker: SimulatedBroker) -> None:
        broker.faults.add("hold_status", status="suspended")
        order = placed(http, qty="1")
        look_up(http, order)

        reply = http.delete(f"/v2/orders/{order['id']}")

        assert reply.status_code == 204
        assert look_up(http, order)["status"] == "canceled"

    def test_order_is_held_first_and_fills_in_parts_then(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("pending_new_for", seconds=5)
        broker.faults.add("partial_fill", every=5)
        order = placed(http, qty="2")

        seen = []
        for _ in range(3):
            seen.append(look_up(http, order)["status"])
            broker.clock.advance(5 * SECOND)

        assert seen == ["pending_new", "partially_filled", "filled"]

    def test_stopping_the_faults_sets_orders_free(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("hold_status", status="suspended", seconds=9999)
        order = placed(http, qty="1")
        look_up(http, order)

        broker.faults.stop()

        assert look_up(http, order)["status"] == "filled"
        assert broker.faults.injected("hold_status") == 1


class TestEndedByTheBroker:
    @pytest.mark.parametrize(
        ("kind", "status", "stamp"),
        [
            ("reject_late", "rejected", "failed_at"),
            ("cancel_at_broker", "canceled", "canceled_at"),
            ("expire_at_broker", "expired", "expired_at"),
        ],
    )
    def test_accepted_order_is_ended(
        self, http: httpx.Client, broker: SimulatedBroker, kind: str, status: str, stamp: str
    ) -> None:
        broker.faults.add(kind)

        order = placed(http, qty="1")

        found = look_up(http, order)
        assert order["status"] == "pending_new"
        assert (found["status"], found["filled_qty"]) == (status, "0")
        assert found[stamp] == found["updated_at"] > order["created_at"]
        assert http.get("/v2/positions").json() == []
        assert broker.faults.injected(kind) == 1

    def test_end_can_come_later_and_be_for_one_order(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("cancel_at_broker", delay=10, client_order_id="cs-2")
        orders = [resting(http, client_order_id=f"cs-{number}") for number in (1, 2)]
        early = [look_up(http, order)["status"] for order in orders]

        broker.clock.advance(10 * SECOND)

        assert early == ["new", "new"]
        assert [look_up(http, order)["status"] for order in orders] == ["new", "canceled"]

    def test_order_that_fills_before_is_not_ended(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("reject_late", delay=10)
        order = placed(http, qty="1")
        look_up(http, order)

        broker.clock.advance(10 * SECOND)

        assert look_up(http, order)["status"] == "filled"
        assert broker.faults.injected("reject_late") == 0

    def test_script_ends_an_open_order(self, http: httpx.Client) -> None:
        order = resting(http, client_order_id="cs-1")

        reply = http.post("/sim/orders/cs-1/end", json={"status": "expired"})
        again = http.post("/sim/orders/cs-1/end")
        other = http.post("/sim/orders/cs-2/end", json={"status": "filled"})

        assert reply.json()["orders"][0]["status"] == "expired"
        assert look_up(http, order)["expired_at"] is not None
        assert (again.status_code, other.status_code) == (400, 400)


class TestCancellationTooLate:
    def test_order_fills_though_its_cancellation_was_answered_204(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("fill_before_cancel")
        order = resting(http, price="200")
        look_up(http, order)

        reply = http.delete(f"/v2/orders/{order['id']}")

        found = look_up(http, order)
        assert (reply.status_code, reply.content) == (204, b"")
        assert (found["status"], found["filled_avg_price"]) == ("filled", "200")
        assert broker.faults.injected("fill_before_cancel") == 1

    def test_order_that_just_filled_is_not_cancelled(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("fill_before_cancel", answer=422)
        order = resting(http, price="200")

        reply = http.delete(f"/v2/orders/{order['id']}")

        assert reply.status_code == 422
        assert reply.json()["message"] == 'order is already in "filled" state'
        assert look_up(http, order)["filled_qty"] == "1"

    def test_nothing_fills_while_the_market_is_closed(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.clock.set(AFTER_THE_CLOSE)
        broker.faults.add("fill_before_cancel")
        order = resting(http)

        http.delete(f"/v2/orders/{order['id']}")

        assert look_up(http, order)["status"] == "canceled"
        assert broker.faults.injected("fill_before_cancel") == 0


class TestOfficialSdk:
    @pytest.mark.parametrize(
        ("kind", "parameters"),
        [
            ("partial_fill", {"executions": 1}),
            ("reject_late", {}),
            ("cancel_at_broker", {}),
            ("expire_at_broker", {}),
            ("pending_new_for", {}),
            ("hold_status", {"status": "suspended"}),
            ("hold_status", {"status": "held"}),
            ("stale_order", {}),
            ("duplicate_in_list", {}),
        ],
    )
    def test_every_answer_is_an_order_to_the_sdk(
        self,
        http: httpx.Client,
        broker: SimulatedBroker,
        broker_address: str,
        kind: str,
        parameters: dict[str, Any],
    ) -> None:
        sdk: Any = TradingClient("sim-key", "sim-secret", paper=True, url_override=broker_address)
        broker.faults.add(kind, **parameters)
        order = placed(http, qty="2")

        found = [sdk.get_order_by_id(order["id"]), *sdk.get_orders()]

        assert all(isinstance(each, SdkOrder) for each in found)
        assert {str(each.id) for each in found} == {order["id"]}
