"""Readings of orders that are not what the broker knows: old, double, or left out."""

from typing import Any

import httpx
import pytest

from infra.simulator.broker import SimulatedBroker
from tests.contract.conftest import look_up, placed, post, resting


def listed(http: httpx.Client, **arguments: str) -> list[tuple[str, str]]:
    rows: list[Any] = http.get("/v2/orders", params={"status": "all", **arguments}).json()
    return [(row["client_order_id"], row["status"]) for row in rows]


def by_client_id(http: httpx.Client, client_order_id: str) -> httpx.Response:
    return http.get("/v2/orders:by_client_order_id", params={"client_order_id": client_order_id})


class TestStaleOrder:
    def test_look_up_goes_back_to_a_state_that_was_left(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        order = resting(http, client_order_id="cs-1")
        http.delete(f"/v2/orders/{order['id']}")
        first = look_up(http, order)["status"]
        broker.faults.add("stale_order", times=2)

        by_id, by_ours = look_up(http, order), by_client_id(http, "cs-1").json()

        assert (first, by_id["status"], by_ours["status"]) == ("canceled", *["pending_cancel"] * 2)
        assert by_id["canceled_at"] is None
        assert look_up(http, order)["status"] == "canceled"
        assert broker.faults.injected("stale_order") == 2

    def test_partial_fill_is_forgotten_for_a_while(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("partial_fill")
        order = placed(http, qty="2")
        seen = [look_up(http, order)["filled_qty"] for _ in range(2)]
        broker.faults.add("stale_order")

        old = look_up(http, order)

        assert seen == ["1", "2"]
        assert (old["filled_qty"], old["status"]) == ("1", "partially_filled")

    def test_list_shows_the_last_change_too_late(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        for name in ("cs-1", "cs-2"):
            placed(http, qty="1", client_order_id=name)
        broker.faults.add("stale_order")

        assert listed(http) == [("cs-2", "new"), ("cs-1", "filled")]
        assert listed(http) == [("cs-2", "filled"), ("cs-1", "filled")]

    def test_other_requests_leave_it_waiting(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        placed(http, qty="1", client_order_id="cs-1")
        placed(http, qty="1", client_order_id="cs-2")
        broker.faults.add("stale_order", client_order_id="cs-1")

        http.get("/v2/account")
        other = by_client_id(http, "cs-2").json()["status"]
        nobody = by_client_id(http, "cs-3").status_code

        assert (other, nobody) == ("filled", 404)
        assert broker.faults.injected("stale_order") == 0
        assert by_client_id(http, "cs-1").json()["status"] == "new"


class TestMissingOrders:
    def test_order_is_not_found_though_its_id_is_taken(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        placed(http, qty="1", client_order_id="cs-1")
        broker.faults.add("missing_in_lookup")

        hidden = by_client_id(http, "cs-1")

        assert (hidden.status_code, hidden.json()["code"]) == (404, 40410000)
        assert "must be unique" in post(http, qty="1", client_order_id="cs-1").text
        assert by_client_id(http, "cs-1").status_code == 200

    def test_order_that_is_not_there_hides_nothing(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("missing_in_lookup")

        by_client_id(http, "cs-1")

        assert broker.faults.injected("missing_in_lookup") == 0

    def test_list_leaves_an_order_out_once(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        for name in ("cs-1", "cs-2"):
            resting(http, client_order_id=name)
        broker.faults.add("missing_in_list", client_order_id="cs-1")

        assert [name for name, _ in listed(http)] == ["cs-2"]
        assert [name for name, _ in listed(http)] == ["cs-2", "cs-1"]


class TestDoubleOrders:
    def test_list_holds_an_order_as_it_is_and_as_it_was(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        placed(http, qty="1", client_order_id="cs-1")
        http.get("/v2/clock")
        broker.faults.add("duplicate_in_list")

        assert listed(http) == [("cs-1", "filled"), ("cs-1", "new")]
        assert listed(http) == [("cs-1", "filled")]

    def test_page_stays_within_its_limit(self, http: httpx.Client, broker: SimulatedBroker) -> None:
        for name in ("cs-1", "cs-2"):
            resting(http, client_order_id=name)
        broker.faults.add("duplicate_in_list", client_order_id="cs-2")

        assert [name for name, _ in listed(http, limit="2")] == ["cs-2", "cs-2"]

    @pytest.mark.parametrize("kind", ["duplicate_in_list", "missing_in_list", "stale_order"])
    def test_fault_of_a_list_leaves_an_empty_list_alone(
        self, http: httpx.Client, broker: SimulatedBroker, kind: str
    ) -> None:
        broker.faults.add(kind)

        assert listed(http) == []
        assert broker.faults.injected(kind) == 0
