"""Market data and the clock: what is known when, and what is refused."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from tests.contract.conftest import (
    IN_SESSION,
    KEYS,
)

MINUTE = timedelta(minutes=1)


class TestData:
    def test_malformed_symbol_fails_the_batch(self, http: httpx.Client) -> None:
        reply = http.get("/v2/stocks/snapshots?symbols=AAPL,BRK-B")

        assert (reply.status_code, reply.json()) == (400, {"message": "invalid symbol: BRK-B"})

    def test_unknown_symbol_is_null_or_absent(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        null = http.get("/v2/stocks/snapshots?symbols=AAPL,ZZZZ").json()
        broker.switches.unknown_snapshot_is_null = False
        absent = http.get("/v2/stocks/snapshots?symbols=AAPL,ZZZZ").json()
        latest = http.get("/v2/stocks/trades/latest?symbols=AAPL,ZZZZ").json()

        assert null["ZZZZ"] is None
        assert absent.keys() == latest["trades"].keys() == {"AAPL"}

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("timeframe=60Min", "invalid timeframe: 60Min"),
            ("timeframe=5Month", "invalid timeframe: 5Month"),
            ("timeframe=1Day&limit=10001", "invalid limit: larger than the allowed maximum of"),
            ("timeframe=1Day&adjustment=bogus", "invalid adjustment: bogus"),
            ("timeframe=1Day&page_token=!", "invalid page_token"),
        ],
    )
    def test_bad_query_for_bars(self, http: httpx.Client, query: str, message: str) -> None:
        reply = http.get(f"/v2/stocks/bars?symbols=AAPL&{query}")

        assert reply.status_code == 400
        assert reply.json()["message"].startswith(message)

    def test_recent_consolidated_data_needs_a_plan(self, http: httpx.Client) -> None:
        latest = http.get("/v2/stocks/snapshots?symbols=AAPL&feed=sip")
        bars = "/v2/stocks/bars?symbols=AAPL&timeframe=1Day&feed=sip"
        recent = http.get(f"{bars}&end=2026-10-08T14:20:00Z")
        delayed = http.get(f"{bars}&end=2026-10-08T14:15:00Z")

        assert (latest.status_code, recent.status_code, delayed.status_code) == (403, 403, 200)
        assert "subscription does not permit querying recent SIP data" in recent.text

    def test_price_stays_with_its_time_while_the_clock_moves(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.market.set_price("SPY", "501", live=True)
        broker.clock.advance(MINUTE)

        found = http.get("/v2/stocks/quotes/latest?symbols=AAPL,SPY").json()["quotes"]

        assert found["AAPL"]["t"].startswith("2026-10-08T14:30:00")
        assert found["SPY"]["t"].startswith("2026-10-08T14:31:00")

    def test_parts_that_are_not_known_are_missing(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.market.set_price("TSLA", "400")

        snapshot = http.get("/v2/stocks/TSLA/snapshot").json()

        assert snapshot.keys() == {"symbol", "latestTrade", "latestQuote", "dailyBar"}


class TestClock:
    def test_market_is_open_from_the_opening_to_just_before_the_close(
        self, http: httpx.Client, broker: SimulatedBroker
    ) -> None:
        broker.clock.set(datetime(2026, 10, 8, 19, 59, 59, tzinfo=UTC))
        before = http.get("/v2/clock").json()
        broker.clock.advance(timedelta(seconds=1))
        after = http.get("/v2/clock").json()

        assert before["is_open"]
        assert before["next_close"] == "2026-10-08T16:00:00-04:00"
        assert not after["is_open"]
        assert after["timestamp"].startswith("2026-10-08T16:00:00.")
        assert after["next_open"] == "2026-10-09T09:30:00-04:00"

    def test_offset_follows_the_season(self, http: httpx.Client, broker: SimulatedBroker) -> None:
        broker.clock.set(datetime(2026, 10, 30, 21, tzinfo=UTC))

        clock = http.get("/v2/clock").json()

        assert clock["timestamp"].endswith("-04:00")
        assert clock["next_open"] == "2026-11-02T09:30:00-05:00"

    def test_always_open_market_never_closes(self) -> None:
        sunday = SimulatedClock(at=datetime(2026, 10, 11, 3, 59, 59, tzinfo=UTC))
        with SimulatedBroker(sunday, always_open=True) as broker:
            http = broker.app.test_client()

            first = http.get("/v2/clock", headers=KEYS).get_json()
            sunday.advance(timedelta(seconds=1))
            second = http.get("/v2/clock", headers=KEYS).get_json()

            assert first["is_open"]
            assert second["is_open"]

    def test_running_clock_moves_at_its_speed(self) -> None:
        wall = SimulatedClock(at=IN_SESSION)
        clock = SimulatedClock(wall=wall.now)

        clock.run(speed=60)
        wall.advance(timedelta(seconds=2))

        assert clock.now() == IN_SESSION + 2 * MINUTE
