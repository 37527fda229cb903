"""What the stream of stock data tells, and when."""

import itertools
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgpack
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.timestamps import from_datetime, parse
from tests.contract.conftest import IN_SESSION, KEYS
from tests.contract.simulator.stream_client import (
    AUTH,
    AUTHENTICATED,
    CONNECTED,
    PACKED,
    Client,
    client,
    following,
)

MINUTE = timedelta(minutes=1)
BARS = {"action": "subscribe", "bars": ["*"], "updatedBars": ["*"], "dailyBars": ["*"]}


def shown(events: list[Any], *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(event[field] for field in fields) for event in events]


def test_a_price_is_a_trade_and_a_quote(broker: SimulatedBroker, streams: str) -> None:
    with following(streams) as found:
        found.ask({"action": "subscribe", "trades": ["AAPL"], "quotes": ["AAPL"]})
        broker.market.set_price("SPY", "501")
        broker.market.set_price("AAPL", "229.5", bid="229.49", ask="229.52", volume=7)
        trade, quote = found.events(2)

    assert shown([trade], "T", "S", "p", "s") == [("t", "AAPL", 229.5, 7)]
    assert shown([quote], "T", "S", "bp", "ap") == [("q", "AAPL", 229.49, 229.52)]
    assert parse(trade["t"]) == broker.clock.now_ns()


def test_stamps_are_exact_in_msgpack(broker: SimulatedBroker, streams: str) -> None:
    with following(streams, **PACKED) as found:
        found.ask({"action": "subscribe", "trades": ["AAPL"]})
        broker.market.set_price("AAPL", "229.5")
        (trade,) = found.events(1)

    assert isinstance(trade["t"], msgpack.Timestamp)
    assert trade["t"].to_unix_nano() == broker.clock.now_ns()
    assert broker.clock.now_ns() % 1000  # a datetime could not hold it


def test_a_minute_s_bar_comes_when_it_is_over(broker: SimulatedBroker, streams: str) -> None:
    with following(streams) as found:
        found.ask(BARS)
        for price in ("229", "231", "230"):
            broker.market.set_price("AAPL", price, volume=10)
        broker.clock.advance(MINUTE)
        events = [event for event in found.events(4) if event["S"] == "AAPL"]

    # What was known of the minute before anybody followed belongs to it.
    assert shown(events, "T", "o", "h", "l", "c", "v") == [
        ("b", 228, 231, 228, 230, 130),
        ("d", 228, 231, 228, 230, 130),
    ]
    assert parse(events[0]["t"]) == from_datetime(IN_SESSION)


def test_a_late_trade_updates_its_bar(broker: SimulatedBroker, streams: str) -> None:
    with following(streams) as found:
        found.ask(BARS)
        broker.clock.advance(MINUTE)
        assert sorted(shown(found.events(4), "T", "S")) == [
            ("b", "AAPL"),
            ("b", "SPY"),
            ("d", "AAPL"),
            ("d", "SPY"),
        ]

        broker.market.set_price("SPY", "505", at=IN_SESSION + MINUTE / 2)
        (updated, _) = found.events(2)

    assert shown([updated], "T", "S", "h", "c") == [("u", "SPY", 505, 505)]


def test_a_later_price_comes_with_its_time(broker: SimulatedBroker, streams: str) -> None:
    with following(streams) as found:
        found.ask({"action": "subscribe", "trades": ["AAPL", "SPY"]})
        for minutes in (3, 1, 2):
            broker.market.set_price("AAPL", 230 + minutes, at=IN_SESSION + minutes * MINUTE)
        broker.market.set_price("SPY", "499")
        now = found.events(1)
        broker.clock.advance(5 * MINUTE)
        later = found.events(3)

    assert shown(now, "S", "p") == [("SPY", 499)]
    assert shown(later, "S", "p") == [("AAPL", 231), ("AAPL", 232), ("AAPL", 233)]


def test_only_what_is_subscribed_to_comes(broker: SimulatedBroker, streams: str) -> None:
    with following(streams) as found:
        found.ask({"action": "subscribe", "trades": ["AAPL", "SPY"]})
        found.ask({"action": "unsubscribe", "trades": ["SPY"]})
        broker.market.set_price("SPY", "501")
        broker.market.set_price("BTC/USD", "60000")
        broker.market.set_price("AAPL", "229")

        assert shown(found.events(1), "S", "p") == [("AAPL", 229)]


def test_a_clock_that_runs_brings_the_bars_by_itself(broker: SimulatedBroker, streams: str) -> None:
    with following(streams) as found:
        found.ask(BARS)
        broker.clock.run(speed=600)

        assert {event["T"] for event in found.events(2)} == {"b", "d"}
        broker.clock.stop()


def test_a_day_is_replayed_at_the_speed_of_the_client(
    broker: SimulatedBroker, streams: str
) -> None:
    broker.switches.stream_waits = True
    broker.switches.stream_buffer = 1
    minutes, symbols = 300, ("AAPL", "SPY", "MSFT")
    for minute in range(1, minutes + 1):
        for symbol in symbols:
            broker.market.set_price(symbol, 100 + minute, at=IN_SESSION + minute * MINUTE)

    with following(streams, **PACKED) as found:
        found.ask({"action": "subscribe", "trades": [*symbols], "bars": ["*"]})
        broker.clock.advance((minutes + 1) * MINUTE)
        # AAPL and SPY have a bar of the minute before the first.
        events = found.events(2 * minutes * len(symbols) + 2)

    assert [event["p"] for event in events if (event["T"], event["S"]) == ("t", "MSFT")] == [
        100 + minute for minute in range(1, minutes + 1)
    ]
    stamps = [each["t"].to_unix_nano() for each in events if (each["T"], each["S"]) == ("b", "SPY")]
    assert stamps == [from_datetime(IN_SESSION + n * MINUTE) for n in range(minutes + 1)]


@contextmanager
def sleepy(streams: str) -> Iterator[ClientConnection]:
    """Yield a client with little room, that follows AAPL and then reads nothing."""
    address = urlsplit(streams)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((address.hostname, address.port))
    options: dict[str, Any] = {"additional_headers": KEYS, "compression": None, "close_timeout": 1}
    with connect(f"{streams}/v2/iex", sock=sock, max_queue=1, **options) as connection:
        found = Client(connection, packed=False)
        assert [found.receive(), found.receive()] == [CONNECTED, AUTHENTICATED]
        found.ask({"action": "subscribe", "trades": ["AAPL"], "quotes": ["AAPL"]})
        yield connection


def test_a_client_that_takes_nothing_is_cut_off_alone(
    broker: SimulatedBroker, streams: str
) -> None:
    broker.switches.stream_connection_limit = 2
    broker.switches.stream_buffer = 500
    with sleepy(streams) as slow, following(streams) as quick, client(streams) as third:
        third.receive()
        quick.ask({"action": "subscribe", "trades": ["AAPL"]})
        prices = itertools.count(1)

        while third.ask(AUTH) != AUTHENTICATED:  # the slow one is there still
            for price in itertools.islice(prices, 100):
                broker.market.set_price("AAPL", price)
                assert shown(quick.events(1), "p") == [(price,)]

        with pytest.raises(ConnectionClosed):
            deque(iter(partial(slow.recv, 60), None), maxlen=0)  # what still came, and the end
        broker.market.set_price("AAPL", "7")
        assert shown(quick.events(1), "p") == [(7,)]
