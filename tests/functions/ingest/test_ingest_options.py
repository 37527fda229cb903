from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from common.occ import OccSymbol
from common.options import OptionSnapshot
from infra.postgres.database import Database
from infra.postgres.market import option_snapshots
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, enroll, rows
from tests.functions.ingest.test_ingest_inputs import asked, ingest

__all__ = ["asked"]

pytestmark = pytest.mark.usefixtures("environment")

TODAY = NOON.date()
CONTRACTS = "/v2/options/contracts"
GREEKS = {
    "delta": "0.7521304109871954",
    "gamma": "0.06241426404871288",
    "theta": "-0.2847623059595503",
    "vega": "0.047540520834498785",
    "rho": "0.009910739032549095",
}


def options(*underlyings: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "chains",
        "source": "alpaca",
        "asset_class": "us_option",
        "underlyings": list(underlyings),
    } | fields


@dataclass(frozen=True)
class Row:
    """What a contract is given to say; every third says everything, every third has no quote."""

    symbol: str
    number: int

    def fields(self) -> dict[str, Any]:
        match self.number % 3:
            case 0:
                return {
                    "bid": f"{self.number}.05",
                    "ask": f"{self.number}.15",
                    "last": f"{self.number}.1",
                    "day_volume": self.number + 1,
                    "open_interest": 10 * self.number,
                    "implied_volatility": "0.3372405712050441",
                    "greeks": GREEKS,
                }
            case 1:
                return {"bid": 0, "ask": "0.05", "open_interest": 0}
            case _:
                return {"last": "0.07"}


def chain_of(count: int, root: str = "SPY", center: int = 492) -> list[Row]:
    """Contracts on both sides of 492: ten expiries, calls and puts, a dollar apart."""
    per_expiry = count // 20
    names = [
        str(OccSymbol(root, TODAY + timedelta(days=3 + 4 * week), kind, Decimal(center + offset)))
        for week in range(10)
        for kind in ("call", "put")
        for offset in range(-(per_expiry // 2), per_expiry - per_expiry // 2)
    ]
    assert len(names) == count
    return [Row(name, number) for number, name in enumerate(names)]


def put(simulator: SimulatedBroker, chain: list[Row]) -> None:
    for row in chain:
        simulator.options.put(row.symbol, **row.fields())


def read(db: Database, underlying: str = "SPY") -> dict[str, OptionSnapshot]:
    with db.transaction() as tx:
        found = option_snapshots.chain(tx, underlying, "indicative", TODAY)
    return {each.contract.symbol: each for each in found}


def test_a_chain_of_eight_hundred_contracts_is_read_back_exactly(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    chain = chain_of(800)
    put(simulator, chain)
    enroll(db, "a", data_inputs=[options("SPY")])

    answer = ingest()

    # Nine facts of three stocks, and the one past close that SPY's options need.
    assert answer == {"inputs": 2, "facts": 810, "stored": 810}
    assert asked.count(CONTRACTS) == asked.count("/v1beta1/options/snapshots/SPY") == 1
    found = read(db)
    assert list(found) == sorted(row.symbol for row in chain)
    for row in chain:
        recorded, known = row.fields(), found[row.symbol]
        greeks = recorded.get("greeks", {})
        for name in ("delta", "gamma", "theta", "vega", "rho"):
            assert getattr(known, name) == (Decimal(greeks[name]) if greeks else None)
        for name in ("bid", "ask", "implied_volatility"):
            assert getattr(known, name) == (Decimal(recorded[name]) if name in recorded else None)
        assert known.last_trade == (Decimal(recorded["last"]) if "last" in recorded else None)
        assert known.day_volume == recorded.get("day_volume")
        assert known.contract.open_interest == recorded.get("open_interest")
        assert known.underlying_price == Decimal(492)
        assert known.as_of == NOON
        occ = OccSymbol.parse(row.symbol)
        assert (known.contract.type, known.contract.strike, known.contract.expiry) == (
            (occ.type, occ.strike, occ.expiry)
        )


def test_few_contracts_of_several_underlyings_are_one_request(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    put(simulator, chain_of(40))
    put(simulator, chain_of(40, "AAPL", 228))
    enroll(db, "a", data_inputs=[options("SPY", "AAPL")])

    ingest()

    assert asked.count("/v1beta1/options/snapshots") == 1
    assert not [path for path in asked if path.startswith("/v1beta1/options/snapshots/")]
    assert (len(read(db)), len(read(db, "AAPL"))) == (40, 40)


def test_only_expiries_and_strikes_inside_the_window_are_fetched(
    db: Database, simulator: SimulatedBroker
) -> None:
    put(simulator, chain_of(800))
    window = {"min_days_to_expiry": 7, "max_days_to_expiry": 11, "strike_window_pct": 1}
    enroll(db, "a", data_inputs=[options("SPY", **window)])

    ingest()

    kept = [OccSymbol.parse(symbol) for symbol in read(db)]
    assert {each.expiry for each in kept} == {date(2026, 2, 17), date(2026, 2, 21)}
    assert {each.strike for each in kept} == {Decimal(strike) for strike in range(488, 497)}


def test_the_window_follows_the_price_without_listing_the_contracts_again(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    put(simulator, chain_of(800))
    enroll(db, "a", data_inputs=[options("SPY", strike_window_pct=1)])
    ingest()
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("SPY", 496, live=True)
    put(simulator, chain_of(800))

    ingest()

    assert asked.count(CONTRACTS) == 1
    strikes = {each.contract.strike for each in read(db).values()}
    assert strikes == {Decimal(strike) for strike in range(488, 501)}


def test_contracts_are_listed_once_per_trading_day_and_snapshots_at_each_poll(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    chain = chain_of(40)
    enroll(db, "a", data_inputs=[options("SPY", poll_interval_seconds=120)])
    counts = []

    for minute in (0, 1, 2, 24 * 60):
        simulator.clock.set(NOON + timedelta(minutes=minute))
        put(simulator, chain)
        ingest()
        counts.append((asked.count(CONTRACTS), asked.count("/v1beta1/options/snapshots")))

    assert counts == [(1, 1), (1, 1), (1, 2), (2, 3)]
    stored = rows(db, "SELECT count(*) AS n FROM option_snapshots")
    assert stored == [{"n": 120}]


def test_an_unchanged_snapshot_is_stored_once(db: Database, simulator: SimulatedBroker) -> None:
    put(simulator, chain_of(40))
    enroll(db, "a", data_inputs=[options("SPY")])
    ingest()
    simulator.clock.advance(timedelta(minutes=1))

    answer = ingest()

    assert answer == {"inputs": 2, "facts": 49, "stored": 6}


def test_an_unknown_underlying_loses_only_itself(db: Database, simulator: SimulatedBroker) -> None:
    put(simulator, chain_of(40))
    enroll(db, "a", data_inputs=[options("SPY", "ZZZZ")])

    answer = ingest()

    assert [each["symbol"] for each in answer["problems"]] == ["ZZZZ"]
    assert len(read(db)) == 40
    simulator.clock.advance(timedelta(seconds=20))
    assert ingest()["inputs"] == 0


def test_a_feed_that_is_not_signed_for_is_reported_and_tried_again(
    db: Database, simulator: SimulatedBroker
) -> None:
    put(simulator, chain_of(40))
    enroll(db, "a", data_inputs=[options("SPY", feed="opra")])

    answer = ingest()

    assert [each["symbol"] for each in answer["problems"]] == ["opra"]
    assert "OPRA agreement is not signed" in answer["problems"][0]["reason"]
    simulator.clock.advance(timedelta(minutes=1))
    assert ingest()["inputs"] == 2


def test_an_unreadable_contract_or_snapshot_loses_only_itself(
    db: Database, simulator: SimulatedBroker
) -> None:
    chain = chain_of(40)
    put(simulator, chain)
    broken, fine = chain[0].symbol, chain[1].symbol
    quote = {"t": "2026-02-10T17:00:00Z", "bp": 1, "ap": 2}
    body = {
        "snapshots": {
            broken: {"latestQuote": {"t": "yesterday"}},
            fine: {"latestQuote": quote},
            chain[2].symbol: {},
            chain[3].symbol: None,
        }
    }
    simulator.faults.add("status", status=200, body=body, path="/v1beta1/options")
    enroll(db, "a", data_inputs=[options("SPY")])

    reply = ingest()

    assert list(read(db)) == [fine]
    assert {each["symbol"] for each in reply["problems"]} == {broken}
    reasons = [each["reason"] for each in reply["problems"]]
    assert any(reason.startswith("left out: latestQuote.t:") for reason in reasons)
