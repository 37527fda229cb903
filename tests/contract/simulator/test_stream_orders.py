"""The stream of order updates."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError

from infra.simulator.broker import SimulatedBroker
from infra.simulator.ledger.orders import Status
from tests.contract.conftest import look_up, placed, post, resting
from tests.contract.simulator.stream_client import AUTH, Client, client

AUTHENTICATE = {
    "action": "authenticate",
    "data": {"key_id": "sim-key", "secret_key": "sim-secret"},
}
LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}
NOTHING = {"action": "listen", "data": {"streams": []}}


def authorization(status: str, action: str = "authenticate") -> dict[str, Any]:
    return {"stream": "authorization", "data": {"status": status, "action": action}}


@contextmanager
def listening(streams: str) -> Iterator[Client]:
    with client(streams, "/stream") as found:
        found.ask(AUTH)
        found.ask(LISTEN)
        yield found


def until(found: Client, *events: str) -> list[Any]:
    """Receive updates up to one of these events."""
    updates: list[Any] = []
    while not updates or updates[-1]["event"] not in events:
        updates.append(found.receive()["data"])
    return updates


def names(updates: list[Any]) -> list[str]:
    return [update["event"] for update in updates]


@pytest.mark.parametrize("keys", [AUTH, AUTHENTICATE])
def test_both_forms_of_the_keys_are_taken(streams: str, keys: Any) -> None:
    with client(streams, "/stream") as found:
        assert found.ask(keys) == authorization("authorized")
        assert found.ask(LISTEN) == {
            "stream": "listening",
            "data": {"streams": ["trade_updates"]},
        }


def test_nobody_listens_without_the_keys(streams: str, http: httpx.Client) -> None:
    with client(streams, "/stream") as found:
        assert found.ask(LISTEN) == authorization("unauthorized", "listen")
        assert found.ask(AUTH | {"secret": "wrong"}) == authorization("unauthorized")
        placed(http, qty="1")
        assert found.ask(AUTH) == authorization("authorized")


@pytest.mark.parametrize("frame", ["", "[]", "{}", '{"action": "listen"}', b"\xff"])
def test_what_cannot_be_read_is_an_error(streams: str, frame: str | bytes) -> None:
    with listening(streams) as found:
        found.connection.send(frame)

        assert found.receive() == {
            "action": "error",
            "data": {"error_message": "internal server error"},
        }


def test_frames_are_binary_and_hold_one_update_each(streams: str, http: httpx.Client) -> None:
    with listening(streams) as found:
        order = placed(http, qty="2")
        frames = [found.connection.recv(60) for _ in range(3)]

    assert all(isinstance(frame, bytes) for frame in frames)
    updates = [json.loads(frame)["data"] for frame in frames]
    assert names(updates) == ["pending_new", "new", "fill"]
    assert {update["order"]["id"] for update in updates} == {order["id"]}


def test_a_fill_tells_its_execution(streams: str, http: httpx.Client) -> None:
    with listening(streams) as found:
        order = placed(http, qty="2")
        first = until(found, "fill")[-1]
        placed(http, qty="1")
        second = until(found, "fill")[-1]

    fills = http.get("/v2/account/activities/FILL", params={"direction": "asc"}).json()
    assert [first["execution_id"], second["execution_id"]] == [
        fill["id"].split("::")[1] for fill in fills
    ]
    assert (first["price"], first["qty"], first["position_qty"]) == ("228.01", "2", "2")
    assert (second["qty"], second["position_qty"]) == ("1", "3")
    assert first["order"] == look_up(http, order)
    assert first["timestamp"] == first["order"]["updated_at"]


def test_parts_come_one_by_one(streams: str, http: httpx.Client, broker: SimulatedBroker) -> None:
    broker.faults.add("partial_fill", fraction="0.25")
    with listening(streams) as found:
        placed(http, qty="4")
        parts = [each for each in until(found, "fill") if "qty" in each]

    assert names(parts) == ["partial_fill"] * 3 + ["fill"]
    assert [part["position_qty"] for part in parts] == ["1", "2", "3", "4"]
    assert len({part["execution_id"] for part in parts}) == 4


def cancel(http: httpx.Client, order: Any) -> None:
    http.delete(f"/v2/orders/{order['id']}")


def end_as(status: str) -> Callable[[httpx.Client, Any], None]:
    def end(http: httpx.Client, order: Any) -> None:
        http.post(f"/sim/orders/{order['client_order_id']}/end", json={"status": status})

    return end


@pytest.mark.parametrize(
    ("end", "events"),
    [
        (cancel, ["pending_new", "new", "pending_cancel", "canceled"]),
        (end_as("expired"), ["pending_new", "new", "expired"]),
        (end_as("rejected"), ["pending_new", "new", "rejected"]),
    ],
)
def test_an_order_that_ends_without_a_fill_says_how(
    streams: str, http: httpx.Client, end: Callable[[httpx.Client, Any], None], events: list[str]
) -> None:
    with listening(streams) as found:
        order = resting(http)
        updates = until(found, "new")
        end(http, order)
        updates += until(found, events[-1])

    assert names(updates) == events
    assert not any("price" in update for update in updates)


def test_what_is_refused_changes_nothing(streams: str, http: httpx.Client) -> None:
    with listening(streams) as found:
        assert post(http, qty="1000000").status_code == 403
        order = resting(http)

        assert until(found, "new")[0]["order"]["id"] == order["id"]


def end_all_and_fail(broker: SimulatedBroker) -> None:
    with broker.ledger.transaction():
        for order in broker.ledger.open_orders():
            broker.matching.end(order, Status.CANCELED)
        raise ZeroDivisionError


def test_what_is_rolled_back_is_not_told(
    streams: str, http: httpx.Client, broker: SimulatedBroker
) -> None:
    with listening(streams) as found:
        resting(http)
        until(found, "new")
        with pytest.raises(ZeroDivisionError):
            end_all_and_fail(broker)
        other = resting(http)

        assert until(found, "new")[0]["order"]["id"] == other["id"]


def test_an_empty_list_ends_the_updates(streams: str, http: httpx.Client) -> None:
    with listening(streams) as found:
        assert found.ask(NOTHING) == {"stream": "listening", "data": {"streams": []}}
        placed(http, qty="1")

        assert found.ask(LISTEN)["stream"] == "listening"


def test_an_update_that_broke_off_is_not_sent_again(
    streams: str, http: httpx.Client, broker: SimulatedBroker
) -> None:
    broker.faults.add("disconnect", path="/stream", after=1)
    with listening(streams) as found:
        order = resting(http)
        assert names(until(found, "pending_new")) == ["pending_new"]
        with pytest.raises(ConnectionClosedError):
            found.connection.recv(60)

    assert look_up(http, order)["status"] == "new"
