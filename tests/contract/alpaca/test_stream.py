"""Our client of the broker's stream, against the simulator."""

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from queue import Queue
from typing import Any

import pytest
from websockets.protocol import State

from common.errors import BrokerRefusedError
from infra.alpaca.stream.client import Event, StockStream
from infra.simulator.broker import SimulatedBroker
from infra.simulator.streams.codec import JsonArrays
from infra.simulator.streams.server import StreamServer
from tests.contract.simulator.stream_client import following
from tests.waiting import PATIENCE_SECONDS

KEYS = ("sim-key", "sim-secret")


class Listener:
    """Keeps what it hears, in order."""

    def __init__(self) -> None:
        self.events = Queue[Event]()
        self.told = Queue[Any]()

    def received(self, events: Sequence[Event]) -> None:
        for event in events:
            self.events.put(event)

    def subscribed(self, symbols: Collection[str]) -> None:
        self.told.put(sorted(symbols))

    def interrupted(self, reason: str) -> None:
        self.told.put(reason)

    def price(self) -> tuple[str, float]:
        """Return the next trade."""
        while True:
            event = self.events.get(timeout=PATIENCE_SECONDS)
            if event["T"] == "t":
                return event["S"], event["p"]


@pytest.fixture
def listener() -> Listener:
    return Listener()


def stock_stream(streams: str, listener: Listener) -> StockStream:
    return StockStream(f"{streams}/v2/iex", *KEYS, listener, first_pause=0.01)


@contextmanager
def running(stream: StockStream) -> Iterator[None]:
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stream.close()
        thread.join()


def first_told(stream: StockStream, listener: Listener) -> Any:
    """Run a stream until it tells something, or is refused: then return the status."""

    def run() -> None:
        try:
            stream.run()
        except BrokerRefusedError as error:
            listener.told.put(error.status)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    told = listener.told.get(timeout=PATIENCE_SECONDS)
    stream.close()
    thread.join()
    return told


def test_trades_quotes_and_bars_come_as_the_broker_tells_them(
    broker: SimulatedBroker, streams: str, listener: Listener
) -> None:
    stream = stock_stream(streams, listener)
    stream.follow(["AAPL"])
    with running(stream):
        assert listener.told.get(timeout=PATIENCE_SECONDS) == ["AAPL"]
        broker.market.set_price("AAPL", "229.1", bid="229.05", ask="229.15", volume=7)
        events = [listener.events.get(timeout=PATIENCE_SECONDS) for _ in range(2)]

    assert [(event["T"], event["S"]) for event in events] == [("t", "AAPL"), ("q", "AAPL")]
    assert (str(events[0]["p"]), events[0]["s"]) == ("229.1", 7)


def test_what_is_followed_changes_without_another_connection(
    broker: SimulatedBroker, streams: str, listener: Listener
) -> None:
    stream = stock_stream(streams, listener)
    stream.follow(["AAPL", "SPY"])
    with running(stream):
        assert listener.told.get(timeout=PATIENCE_SECONDS) == ["AAPL", "SPY"]
        stream.follow(["SPY", "MSFT"])
        assert listener.told.get(timeout=PATIENCE_SECONDS) == ["MSFT"]
        for symbol in ("AAPL", "SPY", "MSFT"):
            broker.market.set_price(symbol, "300")

        assert [listener.price(), listener.price()] == [("SPY", 300), ("MSFT", 300)]
        assert listener.told.empty()


@pytest.mark.parametrize("kind", ["disconnect", "slow_client"])
def test_a_connection_that_breaks_is_made_again_and_the_gap_is_told(
    broker: SimulatedBroker, streams: str, listener: Listener, kind: str
) -> None:
    stream = stock_stream(streams, listener)
    stream.follow(["AAPL"])
    with running(stream):
        assert listener.told.get(timeout=PATIENCE_SECONDS) == ["AAPL"]
        broker.faults.add(kind)
        broker.market.set_price("AAPL", "230")
        reason = listener.told.get(timeout=PATIENCE_SECONDS)
        while (told := listener.told.get(timeout=PATIENCE_SECONDS)) != ["AAPL"]:
            assert isinstance(told, str)  # the earlier connection was not freed yet
        broker.market.set_price("AAPL", "231")

        assert listener.price() == ("AAPL", 231)
    assert isinstance(reason, str)
    assert broker.faults.injected(kind) == 1


@pytest.mark.parametrize(
    ("path", "keys", "status"), [("/v2/iex", ("no", "keys"), 402), ("/v2/sip", KEYS, 409)]
)
def test_what_stays_refused_is_not_tried_again(
    streams: str, listener: Listener, path: str, keys: tuple[str, str], status: int
) -> None:
    stream = StockStream(f"{streams}{path}", *keys, listener, first_pause=0.01)

    assert first_told(stream, listener) == status


@pytest.mark.parametrize("status", [402, 409, 410, 411])
def test_a_subscription_that_stays_refused_ends_it(
    monkeypatch: pytest.MonkeyPatch, streams: str, listener: Listener, status: int
) -> None:
    written = JsonArrays.write

    def write(codec: JsonArrays, messages: Sequence[dict[str, Any]]) -> str:
        is_reply = messages[0]["T"] == "subscription"
        error = {"T": "error", "code": status, "msg": "refused"}
        return written(codec, [error] if is_reply else messages)

    monkeypatch.setattr(JsonArrays, "write", write)
    stream = stock_stream(streams, listener)
    stream.follow(["AAPL"])

    assert first_told(stream, listener) == status


def test_it_waits_on_its_socket_for_an_earlier_connection_to_be_freed(
    streams: str, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    stream = stock_stream(streams, listener)
    stream.follow(["AAPL"])
    with following(streams) as earlier, running(stream):
        while "another connection streams" not in caplog.messages:
            time.sleep(0.01)
        earlier.connection.close()

        assert listener.told.get(timeout=PATIENCE_SECONDS) == ["AAPL"]


def test_a_symbol_that_the_broker_does_not_know_costs_no_other(
    broker: SimulatedBroker, streams: str, listener: Listener
) -> None:
    stream = stock_stream(streams, listener)
    stream.follow(["AAPL", "BRK/B", "MSFT", "SPY", "not one"])
    with running(stream):
        found: list[str] = []
        while len(found) < 3:
            found += listener.told.get(timeout=PATIENCE_SECONDS)
        broker.market.set_price("SPY", "501")
        assert listener.price() == ("SPY", 501)
        while len(stream.refused) < 2:
            stream.follow(["AAPL", "BRK/B", "MSFT", "SPY", "not one"])

    assert sorted(found) == ["AAPL", "MSFT", "SPY"]
    assert stream.refused == {"BRK/B": "invalid syntax", "not one": "invalid syntax"}


def test_a_full_plan_streams_what_it_has_room_for(
    broker: SimulatedBroker, streams: str, listener: Listener
) -> None:
    broker.switches.stream_symbol_limit = 3
    stream = stock_stream(streams, listener)
    stream.follow(["A", "B", "C", "D", "E"])
    with running(stream):
        found: list[str] = []
        while len(found) < 3:
            found += listener.told.get(timeout=PATIENCE_SECONDS)
        while len(stream.refused) < 2:
            stream.follow(["A", "B", "C", "D", "E"])
        assert stream.refused == dict.fromkeys("DE", "symbol limit exceeded")

        stream.follow(["C", "D", "E"])  # there is room now
        while len(found) < 5:
            found += listener.told.get(timeout=PATIENCE_SECONDS)

        assert (sorted(found), stream.refused) == ([*"ABCDE"], {})


def test_it_can_be_closed_while_it_waits_for_the_next_attempt(
    broker: SimulatedBroker, listener: Listener
) -> None:
    with StreamServer(broker) as server:
        url = server.url
    stream = StockStream(f"{url}/v2/iex", *KEYS, listener, first_pause=3600)
    with running(stream):
        assert isinstance(listener.told.get(timeout=PATIENCE_SECONDS), str)


class BusyListener(Listener):
    """Is busy with the first event until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = threading.Event()

    def received(self, events: Sequence[Event]) -> None:
        super().received(events)
        self.may_go_on.wait()


def test_what_is_followed_may_change_on_a_connection_that_is_broken(
    broker: SimulatedBroker, streams: str
) -> None:
    listener = BusyListener()
    stream = stock_stream(streams, listener)
    stream.follow(["AAPL"])
    with running(stream):
        assert listener.told.get(timeout=PATIENCE_SECONDS) == ["AAPL"]
        broker.market.set_price("AAPL", "230")
        assert listener.price() == ("AAPL", 230)
        broker.faults.add("disconnect")
        broker.market.set_price("AAPL", "231")
        while stream._socket and stream._socket.state is not State.CLOSED:
            time.sleep(0.01)

        try:
            stream.follow(["MSFT"])
        finally:
            listener.may_go_on.set()

        while listener.told.get(timeout=PATIENCE_SECONDS) != ["MSFT"]:
            pass
