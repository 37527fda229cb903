"""The stream of stock data: authentication, subscriptions, limits and errors."""

from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from infra.simulator.broker import SimulatedBroker
from infra.simulator.streams.server import StreamServer
from tests.contract.conftest import KEYS
from tests.contract.simulator.stream_client import (
    AUTH,
    AUTHENTICATED,
    CONNECTED,
    PACKED,
    client,
    error,
    following,
)

_CHANNELS = "trades quotes bars updatedBars dailyBars statuses lulds imbalances"
NO_CHANNELS: dict[str, list[str]] = {
    name: [] for name in (*_CHANNELS.split(), "corrections", "cancelErrors")
}
NOT_SYMBOLS: list[Any] = ["AAPL", [1], ["aapl"], ["BTC/USD"], None]


def many(count: int) -> list[str]:
    return [f"A{chr(65 + each // 26)}{chr(65 + each % 26)}" for each in range(count)]


class TestAuthentication:
    def test_keys_in_the_handshake_are_enough(self, streams: str) -> None:
        with client(streams, **KEYS) as found:
            assert [found.receive(), found.receive()] == [CONNECTED, AUTHENTICATED]

    def test_wrong_keys_fail_and_right_ones_may_follow(self, streams: str) -> None:
        with client(streams) as found:
            found.receive()

            assert found.ask(AUTH | {"secret": "wrong"}) == error(402, "auth failed")
            assert found.ask({"action": "auth"}) == error(402, "auth failed")
            assert found.ask(AUTH) == AUTHENTICATED
            assert found.ask(AUTH) == error(403, "already authenticated")

    def test_wrong_keys_in_the_handshake_fail(self, streams: str) -> None:
        with client(streams, **KEYS | {"APCA-API-SECRET-KEY": "wrong"}) as found:
            assert [found.receive(), found.receive()] == [CONNECTED, error(402, "auth failed")]

    def test_nothing_else_is_answered_before(self, streams: str) -> None:
        with client(streams) as found:
            found.receive()

            refused = found.ask({"action": "subscribe", "trades": ["AAPL"]})

            assert refused == error(401, "not authenticated")

    def test_who_does_not_try_in_time_is_sent_away(self, broker: SimulatedBroker) -> None:
        with StreamServer(broker, auth_timeout=0.05) as server, client(server.url) as found:
            assert [found.receive(), found.receive()] == [CONNECTED, error(404, "auth timeout")]
            with pytest.raises(ConnectionClosed):
                found.receive()

    def test_the_other_feed_is_not_in_the_plan(self, streams: str) -> None:
        with client(streams, "/v2/sip", **KEYS) as found:
            assert found.receive() == CONNECTED
            assert found.receive() == error(409, "insufficient subscription")

    def test_there_is_no_stream_elsewhere(self, streams: str) -> None:
        with pytest.raises(InvalidStatus, match="404"), client(streams, "/v2/otherwise"):
            pass

    def test_a_page_in_a_browser_cannot_connect(self, streams: str) -> None:
        page = Origin("http://127.0.0.1")

        with (
            pytest.raises(InvalidStatus, match="403"),
            connect(f"{streams}/v2/iex", origin=page, proxy=None),
        ):
            pass


class TestConnectionLimit:
    def test_one_more_is_refused_until_the_other_left(self, streams: str) -> None:
        with following(streams) as first, client(streams) as second:
            second.receive()
            assert second.ask(AUTH) == error(406, "connection limit exceeded")

            first.connection.close()
            while (reply := second.ask(AUTH)) != AUTHENTICATED:
                assert reply == error(406, "connection limit exceeded")

    def test_more_can_be_allowed(self, broker: SimulatedBroker, streams: str) -> None:
        broker.switches.stream_connection_limit = 2

        with following(streams), following(streams):
            pass


class TestSubscriptions:
    def test_each_reply_lists_them_all(self, streams: str) -> None:
        with following(streams) as found:
            first = found.ask({"action": "subscribe", "trades": ["SPY"], "bars": ["*"]})
            second = found.ask({"action": "subscribe", "trades": ["AAPL"], "quotes": ["AAPL"]})
            third = found.ask({"action": "unsubscribe", "trades": ["SPY"], "bars": ["*", "SPY"]})

        with_trades = {"corrections": ["SPY"], "cancelErrors": ["SPY"]}
        assert first == [
            {"T": "subscription", **NO_CHANNELS, "trades": ["SPY"], "bars": ["*"], **with_trades}
        ]
        assert (second[0]["trades"], second[0]["bars"]) == (["AAPL", "SPY"], ["*"])
        assert (third[0]["trades"], third[0]["quotes"], third[0]["bars"]) == (
            ["AAPL"],
            ["AAPL"],
            [],
        )

    @pytest.mark.parametrize("symbols", NOT_SYMBOLS)
    def test_what_is_no_list_of_symbols_is_refused(self, streams: str, symbols: Any) -> None:
        with following(streams) as found:
            assert found.ask({"action": "subscribe", "trades": symbols}) == error(
                400, "invalid syntax"
            )

    @pytest.mark.parametrize(
        "frame", ["", "{", "[]", "1", "[" * 20_000, '{"action": "listen"}', b"\xff"]
    )
    def test_what_cannot_be_read_is_refused(self, streams: str, frame: str | bytes) -> None:
        with following(streams) as found:
            found.connection.send(frame)

            assert found.receive() == error(400, "invalid syntax")

    def test_a_message_without_end_is_not_read(self, streams: str) -> None:
        with following(streams) as found:
            found.send({"action": "subscribe", "bars": many(600) * 20})

            with pytest.raises(ConnectionClosed, match="1009"):
                found.receive()

    @pytest.mark.parametrize("frame", ["{}", b"\xc1", b"\x92\x01", b"\x01\x01"])
    def test_what_is_not_msgpack_is_refused(self, streams: str, frame: str | bytes) -> None:
        with following(streams, **PACKED) as found:
            found.connection.send(frame)

            assert found.receive() == error(400, "invalid syntax")

    def test_a_message_may_come_in_fragments(self, streams: str) -> None:
        with following(streams) as found:
            found.connection.send(iter(['{"action": "subscribe"', ', "trades": ["AAPL"]}']))

            assert found.receive()[0]["trades"] == ["AAPL"]


class TestSymbolLimit:
    def test_thirty_symbols_may_be_followed_and_any_number_of_bars(self, streams: str) -> None:
        with following(streams) as found:
            reply = found.ask(
                {"action": "subscribe", "trades": many(30), "quotes": many(30), "bars": many(99)}
            )

        assert [len(reply[0][each]) for each in ("trades", "quotes", "bars")] == [30, 30, 99]

    @pytest.mark.parametrize("more", [{"trades": ["SPY"]}, {"quotes": ["SPY"]}, {"trades": ["*"]}])
    def test_one_more_is_refused_and_changes_nothing(self, streams: str, more: Any) -> None:
        with following(streams) as found:
            before = found.ask({"action": "subscribe", "trades": many(30)})

            refused = found.ask({"action": "subscribe", "bars": ["SPY"], **more})
            after = found.ask({"action": "unsubscribe"})

        assert refused == error(405, "symbol limit exceeded")
        assert after == before

    def test_trades_and_quotes_can_count_as_two(
        self, broker: SimulatedBroker, streams: str
    ) -> None:
        broker.switches.stream_limit_counts_channels = True
        with following(streams) as found:
            allowed = found.ask({"action": "subscribe", "trades": many(15), "quotes": many(15)})
            refused = found.ask({"action": "subscribe", "quotes": ["SPY"]})

        assert allowed[0]["trades"] == many(15)
        assert refused == error(405, "symbol limit exceeded")


class TestFaults:
    def test_a_connection_can_break(
        self, streams: str, broker: SimulatedBroker, http: httpx.Client
    ) -> None:
        http.post("/sim/faults", json={"kind": "disconnect", "path": "/v2/iex", "after": 1})
        with following(streams) as found:
            found.ask({"action": "subscribe", "trades": ["AAPL"]})
            broker.market.set_price("AAPL", "229")
            (heard,) = found.receive()
            broker.market.set_price("AAPL", "230")

            with pytest.raises(ConnectionClosedError):
                found.receive()

        assert heard["p"] == 229
        assert broker.faults.injected("disconnect") == 1
        with following(streams) as again:  # what was lost is not sent again
            again.ask({"action": "subscribe", "trades": ["AAPL"]})
            broker.market.set_price("AAPL", "231")
            assert [each["p"] for each in again.events(1)] == [231]

    def test_faults_of_streams_hit_no_requests_and_the_other_way_round(
        self, streams: str, broker: SimulatedBroker, http: httpx.Client
    ) -> None:
        broker.faults.add("disconnect")
        broker.faults.add("status", status=503)
        broker.faults.add("slow", delay=0)

        assert http.get("/v2/clock").status_code == 503

        assert broker.faults.injected("disconnect") == 0
        broker.faults.stop()
        broker.faults.add("status", status=503)
        with following(streams) as found:
            found.ask({"action": "subscribe", "trades": ["AAPL"]})
            broker.market.set_price("AAPL", "229")
            assert found.events(1)
        assert [fault.kind for fault in broker.faults.waiting()] == ["status"]

    def test_a_client_can_be_told_that_it_is_slow(
        self, streams: str, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("slow_client")
        with following(streams) as found:
            found.ask({"action": "subscribe", "trades": ["AAPL"]})
            broker.market.set_price("AAPL", "229")

            assert found.receive() == error(407, "slow client")
            with pytest.raises(ConnectionClosed):
                found.receive()
