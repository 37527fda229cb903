from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from common.market import CRYPTO_FEED, NEW_YORK
from infra.postgres.database import Database
from infra.postgres.market import market_data
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON
from tests.functions.ingest.test_ingest_inputs import asked, crypto, ingest, stocks, stored, watch

__all__ = ["asked"]

pytestmark = pytest.mark.usefixtures("environment")

TODAY = NOON.date()
METRICS = ["last_trade", "daily_close"]
STOCK_BARS, CRYPTO_BARS = "/v2/stocks/bars", "/v1beta3/crypto/us/bars"


def past_sessions(simulator: SimulatedBroker, until: date, days: int) -> list[date]:
    first = until - timedelta(days=days)
    return [session.date for session in simulator.calendar.between(first, until)]


def test_the_closes_of_four_hundred_days_are_stored_over_all_pages(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    symbols = [f"S{chr(a)}{chr(b)}" for a in range(65, 72) for b in range(65, 71)]
    days = past_sessions(simulator, TODAY - timedelta(days=1), 420)
    closes = {day: 100 + number for number, day in enumerate(days)}
    for symbol in symbols:
        simulator.market.put_days(symbol, closes)
        simulator.market.set_price(symbol, 500, live=True)
    watch(db, "a", stocks(*symbols, metrics=METRICS))

    answer = ingest()

    inside = [day for day in days if day >= TODAY - timedelta(days=500)]
    assert asked.count(STOCK_BARS) == -(-len(inside) * len(symbols) // 10_000) == 2
    assert answer == {"inputs": 1, "facts": (len(inside) + 1) * 42, "stored": answer["facts"]}
    key: market_data.MarketDataKey = ("SAA", "daily_close", "iex")
    with db.transaction() as tx:
        found = market_data.latest(tx, {key: 1000})[key]
    assert [(fact.price, fact.as_of.astimezone(NEW_YORK)) for fact in found] == [
        (Decimal(closes[day]), datetime.combine(day, datetime.min.time(), NEW_YORK))
        for day in inside
    ]


def test_history_is_fetched_once_per_trading_day_and_only_for_new_symbols(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    watch(db, "a", stocks("SPY", metrics=METRICS))
    counts = []

    ingest()
    counts.append(asked.count(STOCK_BARS))
    simulator.clock.advance(timedelta(minutes=1))
    ingest()
    counts.append(asked.count(STOCK_BARS))
    watch(db, "b", stocks("AAPL", "SPY", metrics=["daily_close"]))
    ingest()
    counts.append(asked.count(STOCK_BARS))
    simulator.clock.set(datetime(2026, 2, 11, 10, 0, tzinfo=NEW_YORK))
    ingest()
    counts.append(asked.count(STOCK_BARS))

    assert counts == [1, 1, 2, 3]
    assert stored(db, "AAPL")["daily_close"] == [
        (Decimal(227), "02-09 00:00"),
        (Decimal(228), "02-10 00:00"),
    ]


def test_the_running_day_is_not_a_close(db: Database, simulator: SimulatedBroker) -> None:
    simulator.market.set_price("BTC/USD", 60_000, prev_close=59_000, live=True)
    watch(db, "a", crypto("BTC/USD", metrics=["daily_close"]))

    ingest()

    assert stored(db, "BTC/USD")["daily_close"] == [(Decimal(59_000), "02-08 19:00")]


def test_a_crypto_day_is_settled_some_minutes_after_midnight_utc(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    simulator.market.set_price("BTC/USD", 60_000, prev_close=59_000)
    watch(db, "a", crypto("BTC/USD", metrics=["daily_close"]))
    key: market_data.MarketDataKey = ("BTC/USD", "daily_close", CRYPTO_FEED)
    closes = []

    for minute in (0, 19, 20):
        simulator.clock.set(datetime(2026, 2, 10, 19, minute, 30, tzinfo=NEW_YORK))
        ingest()
        with db.transaction() as tx:
            closes.append([fact.price for fact in market_data.latest(tx, {key: 9})[key]])

    assert closes == [[59_000], [59_000], [59_000, 60_000]]
    assert asked.count(CRYPTO_BARS) == 2


def test_history_that_does_not_meet_the_last_close_is_reported(
    db: Database, simulator: SimulatedBroker
) -> None:
    body = {
        "bars": {
            "SPY": [
                {"t": "2026-02-06T05:00:00Z", "c": 255, "v": 1},
                {"t": "2026-02-09T05:00:00Z", "c": 250, "v": 1},
            ]
        },
        "next_page_token": None,
    }
    simulator.faults.add("status", status=200, body=body, path=STOCK_BARS)
    watch(db, "a", stocks("SPY", metrics=METRICS))

    answer = ingest()

    assert answer["problems"] == [
        {"symbol": "SPY", "reason": "daily_close is 250 where prev_close is 500"}
    ]
    assert [price for price, _ in stored(db, "SPY")["daily_close"]] == [255, 250]


def test_a_history_that_fails_loses_no_current_price_and_is_tried_again(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.faults.add("status", status=500, times=3, path=STOCK_BARS)
    watch(db, "a", stocks("SPY", metrics=METRICS))

    failed = ingest()
    simulator.clock.advance(timedelta(minutes=1))
    recovered = ingest()

    assert [each["symbol"] for each in failed["problems"]] == ["iex history"]
    assert failed["stored"] == 1
    assert "problems" not in recovered
    assert stored(db, "SPY")["daily_close"] == [(Decimal(500), "02-09 00:00")]
