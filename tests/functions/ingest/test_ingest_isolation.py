import logging
from decimal import Decimal
from typing import Any

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import enroll, function, rows
from tests.functions.ingest.test_ingest_inputs import asked, crypto, ingest, stocks, stored, watch

__all__ = ["asked"]

pytestmark = pytest.mark.usefixtures("environment")

SNAPSHOTS = "/v2/stocks/snapshots"


def problems(answer: dict[str, Any]) -> dict[str, str]:
    return {each["symbol"]: each["reason"] for each in answer["problems"]}


def test_a_symbol_that_the_broker_names_as_malformed_loses_only_itself(
    db: Database,
    simulator: SimulatedBroker,
    asked: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator.market.set_price("BTC/USD", 60_000, live=True)
    enroll(db, "a", data_inputs=[crypto("1INCH/USD", "BTC/USD")])

    with caplog.at_level(logging.WARNING):
        answer = ingest()

    assert list(problems(answer)) == ["1INCH/USD"]
    assert problems(answer)["1INCH/USD"].startswith("invalid symbol: 1INCH/USD does not match")
    assert set(stored(db, "BTC/USD")) == {"last_trade", "daily_bar"}
    assert asked.count("/v1beta3/crypto/us/snapshots") == 2
    assert any("1INCH/USD" in record.getMessage() for record in caplog.records)


def test_a_refusal_that_names_no_symbol_is_narrowed_down_by_halves(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    simulator.faults.add("status", status=400, body={"message": "no"}, times=3, path=SNAPSHOTS)
    watch(db, "a", stocks("AAPL", "MSFT", "QQQ", "SPY"))

    answer = ingest()

    # Refused: all four, then AAPL and MSFT, then AAPL. Answered: MSFT, then QQQ and SPY.
    assert asked.count(SNAPSHOTS) == 5
    assert problems(answer)["AAPL"] == "no"
    assert (len(stored(db, "MSFT")), len(stored(db, "SPY")), stored(db, "AAPL")) == (3, 3, {})


def test_a_broker_that_refuses_whatever_the_symbols_is_not_asked_for_ever(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    simulator.faults.add("status", status=400, body={"message": "no"}, times=999, path=SNAPSHOTS)
    watch(db, "a", stocks(*(f"S{chr(a)}{chr(b)}" for a in range(65, 75) for b in range(65, 75))))

    reply = function("ingest").post("/")

    assert reply.status_code == 503
    assert asked.count(SNAPSHOTS) == 21


def test_unknown_symbols_vanish_and_are_reported(db: Database, simulator: SimulatedBroker) -> None:
    simulator.switches.unknown_snapshot_is_null = False
    enroll(db, "a", data_inputs=[stocks("ZZZZ"), crypto("XYZ/USD")])

    answer = ingest()

    unknown = "the broker knows no such symbol, or has no data of it"
    assert problems(answer) == {"ZZZZ": unknown, "XYZ/USD": unknown}
    assert answer["stored"] == 9


def test_what_cannot_be_read_of_one_symbol_loses_only_that_symbol(
    db: Database, simulator: SimulatedBroker
) -> None:
    trade = {"t": "2026-02-10T17:00:00Z", "p": 492, "s": 1}
    body = {"SPY": {"latestTrade": trade}, "AAPL": {"latestTrade": trade | {"p": "?"}}, "MSFT": 7}
    simulator.faults.add("status", status=200, body=body, path=SNAPSHOTS)
    enroll(db, "a")

    answer = ingest()

    assert set(problems(answer)) == {"AAPL", "MSFT"}
    assert "latestTrade.p" in problems(answer)["AAPL"]
    assert stored(db, "SPY")["last_trade"] == [(Decimal(492), "02-10 12:00")]


def test_a_host_that_is_down_loses_no_other_group_and_is_asked_again(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.market.set_price("BTC/USD", 60_000, live=True)
    simulator.faults.add("status", status=503, times=3, path="/v1beta3/crypto")
    enroll(db, "a", data_inputs=[crypto("BTC/USD")])

    first, second = ingest(), ingest()

    assert (first["inputs"], first["stored"]) == (2, 9)
    assert "503" in problems(first)["us"]
    assert second == {"inputs": 1, "facts": 2, "stored": 2}


def test_a_feed_that_the_plan_does_not_include_loses_no_other_feed(db: Database) -> None:
    enroll(db, "a", data_inputs=[stocks("AAPL", feed="sip")])

    answer = ingest()

    assert answer["stored"] == 9
    assert "subscription does not permit" in problems(answer)["sip"]


def test_when_everything_fails_the_tick_failed(db: Database, simulator: SimulatedBroker) -> None:
    for path in ("/v2/stocks", "/v1beta3/crypto"):
        simulator.faults.add("status", status=500, times=3, path=path)
    enroll(db, "a", data_inputs=[crypto("BTC/USD")])

    reply = function("ingest").post("/")

    assert reply.status_code == 503
    prices = "SELECT 1 FROM ingest_cursors WHERE input_key NOT LIKE 'corporate_actions %'"
    assert rows(db, prices) == []
    assert rows(db, "SELECT 1 FROM outbox") == []
