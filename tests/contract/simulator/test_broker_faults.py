"""Trouble on demand: what the client sees, and what happened all the same."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from infra.local.serving import HttpServer
from infra.simulator.broker import SimulatedBroker
from tests.contract.conftest import (
    IN_SESSION,
    KEYS,
    MARKET_BUY,
    post,
)

MINUTE = timedelta(minutes=1)


class TestFaults:
    def test_order_is_accepted_though_its_reply_is_lost(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("accept_then_timeout")

        with pytest.raises(httpx.RemoteProtocolError):
            post(http, qty="1", client_order_id="q-1")

        found = http.get("/v2/orders:by_client_order_id?client_order_id=q-1")
        assert found.json()["status"] == "filled"
        assert broker.faults.injected("accept_then_timeout") == 1

    def test_reply_can_come_too_late(self, http: httpx.Client, broker: SimulatedBroker) -> None:
        broker.faults.add("accept_then_timeout", delay=0.2)

        with pytest.raises(httpx.ReadTimeout):
            http.post(
                "/v2/orders",
                json=MARKET_BUY | {"qty": "1"},
                timeout=0.05,
            )

        assert len(broker.ledger.orders()) == 1

    def test_order_is_accepted_then_answered_504(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("accept_then_504")

        reply = post(http, qty="1")

        assert (reply.status_code, reply.content) == (504, b"")
        assert len(broker.ledger.orders()) == 1

    def test_order_is_accepted_though_its_reply_breaks_off(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("accept_then_cut")

        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            post(http, qty="1")

        assert len(broker.ledger.orders()) == 1

    def test_status_replaces_the_request_so_many_times(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("status", status=429, rate_headers=True)
        broker.faults.add("status", status=503, times=2, method="POST", path="/v2/orders")

        replies = [post(http, qty="1") for _ in range(4)]

        assert [reply.status_code for reply in replies] == [429, 503, 503, 200]
        assert replies[0].json() == {"code": 42910000, "message": "rate limit exceeded"}
        assert replies[0].headers["X-RateLimit-Remaining"] == "0"
        assert replies[1].content == b""
        assert len(broker.ledger.orders()) == 1

    def test_429_on_data_can_lack_its_headers(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("status", status=429)

        reply = http.get("/v2/stocks/snapshots?symbols=AAPL")

        assert reply.json() == {"message": "too many requests."}
        assert "X-RateLimit-Limit" not in reply.headers

    def test_fault_hits_only_what_it_is_meant_for(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("status", status=500, method="POST", path="/v2/orders")

        clock = http.get("/v2/clock")
        order = post(http, qty="1")

        assert clock.status_code == 200
        assert order.json() == {"code": 50010000, "message": "internal server error occurred"}

    def test_own_body_can_be_html(self, http: httpx.Client, broker: SimulatedBroker) -> None:
        broker.faults.add("status", status=502, body="<html>bad gateway</html>", html=True)

        reply = http.get("/v2/clock")

        assert reply.headers["Content-Type"].startswith("text/html")

    def test_slow_reply(self, http: httpx.Client, broker: SimulatedBroker) -> None:
        broker.faults.add("slow", delay=0.2)

        with pytest.raises(httpx.ReadTimeout):
            http.get("/v2/clock", timeout=0.05)

    def test_quotes_go_stale_and_empty(self, http: httpx.Client, broker: SimulatedBroker) -> None:
        broker.faults.add("stale_quote", age=600, symbol="AAPL")
        broker.faults.add("empty_quote", side="ask")

        http.get("/v2/clock")
        stale = http.get("/v2/stocks/snapshots?symbols=AAPL,SPY").json()
        empty = http.get("/v2/stocks/quotes/latest?symbols=AAPL").json()["quotes"]["AAPL"]
        again = http.get("/v2/stocks/quotes/latest?symbols=AAPL").json()["quotes"]["AAPL"]

        assert stale["AAPL"]["latestQuote"]["t"].startswith("2026-10-08T14:20:00")
        assert stale["SPY"]["latestQuote"]["t"].startswith("2026-10-08T14:30:00")
        assert (empty["ap"], empty["as"], empty["ax"], empty["bp"]) == (0, 0, " ", 227.99)
        assert again["ap"] == 228.01

    def test_connection_that_closes_at_once_carries_nothing_out(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("refuse_connection")

        with pytest.raises(httpx.RemoteProtocolError):
            post(http, qty="1")

        assert broker.ledger.orders() == []
        assert post(http, qty="1").status_code == 200

    def test_server_that_is_away_refuses_connections_and_comes_back(
        self, broker: SimulatedBroker
    ) -> None:
        with HttpServer(broker.app) as server:
            with server.unreachable(), pytest.raises(httpx.ConnectError):
                httpx.get(f"{server.url}/v2/clock", headers=KEYS)

            assert httpx.get(f"{server.url}/v2/clock", headers=KEYS).status_code == 200

    @pytest.mark.parametrize(
        ("kind", "parameters", "mistake"),
        [
            ("meteor", {}, "unknown fault"),
            ("accept_then_504", {"delay": 1}, "no parameter delay"),
            ("slow", {"times": 0}, "times must be"),
            ("slow", {"after": -1}, "after must be"),
            ("slow", {"probability": 0}, "probability above 0"),
            ("status", {}, "needs a status"),
            ("hold_status", {}, "needs a status"),
            ("partial_fill", {"fraction": 1}, "fraction must be"),
            ("fill_before_cancel", {"answer": 200}, "answer must be"),
        ],
    )
    def test_mistaken_fault_is_refused_when_it_is_added(
        self, broker: SimulatedBroker, kind: str, parameters: dict[str, Any], mistake: str
    ) -> None:
        with pytest.raises(ValueError, match=mistake):
            broker.faults.add(kind, **parameters)


class TestSchedules:
    def answers(self, http: httpx.Client, count: int) -> list[bool]:
        """Return which of so many requests were answered well."""
        return [http.get("/v2/clock").status_code == 200 for _ in range(count)]

    def test_first_matches_go_by_unharmed(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.faults.add("status", status=500, path="/v2/clock", after=2)

        http.get("/v2/account")

        assert self.answers(http, 4) == [True, True, False, True]

    def test_fault_lasts_for_a_time(self, http: httpx.Client, broker: SimulatedBroker) -> None:
        since, until = IN_SESSION + MINUTE, IN_SESSION + 2 * MINUTE
        broker.faults.add("status", status=500, times=99, since=since, until=until)

        seen = []
        for _ in range(3):
            seen += self.answers(http, 1)
            broker.clock.advance(MINUTE)

        assert seen == [True, False, True]
        assert broker.faults.waiting() == []

    def test_chance_is_repeated_by_its_seed(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        runs = []
        for seed in (1, 1, 2):
            broker.faults.clear()
            broker.faults.add("status", status=500, times=99, probability=0.5, seed=seed)
            runs.append(self.answers(http, 20))

        assert runs[0] == runs[1] != runs[2]
        assert set(runs[0]) == {True, False}
        assert broker.faults.injected("status") == runs[2].count(False)

    def test_script_sets_schedules_and_stops_what_still_waits(self, http: httpx.Client) -> None:
        fault = {"kind": "status", "status": 500, "times": 3, "since": "2026-10-08T14:30:00Z"}
        http.post("/sim/faults", json=fault)
        answers = self.answers(http, 1)

        listed = http.get("/sim/faults").json()
        left = http.delete("/sim/faults/waiting").json()

        assert answers == [False]
        assert [(each["times"], each["since"]) for each in listed["waiting"]] == [
            (2, "2026-10-08T14:30:00+00:00")
        ]
        assert (left["waiting"], left["injected"]["status"]) == ([], 1)
