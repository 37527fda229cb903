"""Our client of the broker's order updates, against the simulator."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from queue import Queue
from typing import Any

import httpx
import pytest

from common.errors import BrokerRefusedError
from infra.alpaca.stream.order_updates import OrderStream, OrderUpdate
from infra.simulator.broker import SimulatedBroker
from infra.simulator.streams.codec import JsonObjects
from tests.contract.conftest import placed, resting
from tests.waiting import PATIENCE_SECONDS

KEYS = ("sim-key", "sim-secret")


class Listener:
    """Keeps what it hears, in order."""

    def __init__(self) -> None:
        self.told = Queue[Any]()

    def listening(self) -> None:
        self.told.put("listening")

    def updated(self, update: OrderUpdate) -> None:
        self.told.put(update)

    def missed(self) -> None:
        self.told.put("missed")

    def interrupted(self, reason: str) -> None:
        self.told.put(("interrupted", reason))

    def next(self) -> Any:
        return self.told.get(timeout=PATIENCE_SECONDS)

    def update(self, *statuses: str) -> OrderUpdate:
        """Return the next update with one of these statuses."""
        while True:
            found = self.next()
            if isinstance(found, OrderUpdate) and found.order.status in statuses:
                return found


@contextmanager
def listened(streams: str) -> Iterator[Listener]:
    listener = Listener()
    stream = OrderStream(f"{streams}/stream", *KEYS, listener, first_pause=0.01)
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    try:
        assert listener.next() == "listening"
        yield listener
    finally:
        stream.close()
        thread.join()


def test_an_update_is_the_order_as_it_stands(streams: str, http: httpx.Client) -> None:
    with listened(streams) as listener:
        order = placed(http, qty="2")
        update = listener.update("filled")

    assert update.order.client_order_id == order["client_order_id"]
    assert update.order.filled_qty == 2
    assert update.order.filled_avg_price == Decimal("228.01")
    assert update.execution_id
    assert update.at == update.order.updated_at


def test_parts_are_executions_of_their_own(
    streams: str, http: httpx.Client, broker: SimulatedBroker
) -> None:
    broker.faults.add("partial_fill", fraction="0.5")
    with listened(streams) as listener:
        placed(http, qty="2")
        parts = [listener.update("partially_filled", "filled") for _ in range(2)]

    assert [part.order.filled_qty for part in parts] == [1, 2]
    assert len({part.execution_id for part in parts}) == 2


@pytest.mark.parametrize("kind", ["disconnect", "slow_client"])
def test_a_connection_that_breaks_is_made_again(
    streams: str, http: httpx.Client, broker: SimulatedBroker, kind: str
) -> None:
    with listened(streams) as listener:
        broker.faults.add(kind, path="/stream")
        resting(http)
        told = listener.next()
        while listener.next() != "listening":
            pass
        placed(http, qty="1")

        assert told[0] == "interrupted"
        assert listener.update("filled").order.filled_qty == 1


def test_wrong_keys_are_not_tried_again(streams: str) -> None:
    listener = Listener()

    with pytest.raises(BrokerRefusedError):
        OrderStream(f"{streams}/stream", "sim-key", "wrong", listener).run()

    assert listener.told.empty()


# (what the broker writes in an update's place, what the client makes of it)
ODD = [
    ({"stream": "trade_updates", "data": {"event": "fill"}}, "missed"),
    ({"stream": "trade_updates", "data": None}, "missed"),
    ({"stream": "trade_updates", "data": {"order": {"status": "new"}}}, "missed"),
    ({"stream": "account_updates", "data": {}}, None),
    ({"news": 1}, None),
    ({"action": "error", "data": {"error_message": "internal server error"}}, "interrupted"),
    (["trade_updates"], "interrupted"),
]


@pytest.mark.parametrize(("message", "made_of_it"), ODD)
def test_what_cannot_be_read_costs_no_other_update(
    monkeypatch: pytest.MonkeyPatch,
    streams: str,
    http: httpx.Client,
    message: Any,
    made_of_it: str | None,
) -> None:
    written, odd = JsonObjects.write, [message]

    def write(codec: JsonObjects, messages: Any) -> bytes:
        is_update = messages[0].get("stream") == "trade_updates"
        return written(codec, [odd.pop()] if is_update and odd else messages)

    with listened(streams) as listener:
        monkeypatch.setattr(JsonObjects, "write", write)
        resting(http)
        if made_of_it:
            told = listener.next()
            assert told == made_of_it or told[0] == made_of_it
        if made_of_it == "interrupted":
            while listener.next() != "listening":
                pass
        placed(http, qty="1")

        assert listener.update("filled").order.filled_qty == 1
