from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import flask
import pytest

from common.market import NEW_YORK
from infra.postgres.database import Database
from infra.postgres.market import option_snapshots
from infra.postgres.users import configs
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, enroll, function, rows

pytestmark = pytest.mark.usefixtures("environment")

ALL_METRICS = [
    *("last_trade", "daily_bar", "prev_close", "day_open", "day_high", "day_low"),
    *("minute_bar", "daily_close"),
]


def crypto(*symbols: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "coins",
        "source": "alpaca",
        "asset_class": "crypto",
        "symbols": list(symbols),
    } | fields


def stocks(*symbols: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "shares",
        "source": "alpaca",
        "asset_class": "us_equity",
        "symbols": list(symbols),
    } | fields


def ingest() -> dict[str, Any]:
    reply = function("ingest").post("/")
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.get_json()
    return answer


def stored(db: Database, symbol: str) -> dict[str, list[tuple[Decimal, str]]]:
    """Read price and New York time of each metric's facts, oldest first."""
    found: dict[str, list[tuple[Decimal, str]]] = {}
    sql = "SELECT * FROM market_data_snapshots WHERE symbol = :symbol ORDER BY as_of"
    for row in rows(db, sql, symbol=symbol):
        at = f"{row['as_of'].astimezone(NEW_YORK):%m-%d %H:%M}"
        found.setdefault(row["metric"], []).append((row["price"], at))
    return found


def watch(db: Database, firebase_uid: str, *inputs: dict[str, Any]) -> None:
    """Enroll a user who watches these inputs and has no rules."""
    document = {
        "version": 1,
        "enabled": True,
        "data_inputs": list(inputs),
        "rules": [],
        "guardrails": {"max_orders_per_day": 3, "max_notional_usd_per_4h": 100},
    }
    with db.transaction() as tx:
        configs.enroll(tx, firebase_uid, None, document)


@pytest.fixture
def asked(simulator: SimulatedBroker) -> list[str]:
    """The paths that the broker was asked for, in order."""
    paths: list[str] = []
    simulator.app.before_request(lambda: paths.append(flask.request.path))
    return paths


def test_stocks_and_crypto_are_one_request_each_however_many_users(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    simulator.market.set_price("BTC/USD", 60_000, prev_close=61_000, live=True)
    simulator.market.set_price("ETH/USD", "2500.5", prev_close=2500, live=True)
    enroll(db, "a", data_inputs=[crypto("BTC/USD")])
    enroll(db, "b", data_inputs=[crypto("ETH/USD", "BTC/USD")])

    answer = ingest()

    assert answer == {"inputs": 3, "facts": 15, "stored": 15}
    data = [path for path in asked if path not in ("/sim/clock", "/v2/calendar")]
    prices = ["/v1beta3/crypto/us/snapshots", "/v2/stocks/snapshots"]
    assert sorted(data) == ["/v1/corporate-actions", *prices]
    assert stored(db, "ETH/USD")["last_trade"] == [(Decimal("2500.5"), "02-10 12:00")]


def test_only_the_metrics_that_an_input_lists_are_stored(db: Database) -> None:
    watch(db, "a", stocks("AAPL", metrics=["day_low"]))

    assert ingest()["stored"] == 1
    assert set(stored(db, "AAPL")) == {"day_low"}


def test_the_day_so_far_and_the_minutes_are_facts(db: Database, simulator: SimulatedBroker) -> None:
    simulator.clock.set(datetime(2026, 2, 11, 9, 30, 10, tzinfo=NEW_YORK))
    simulator.market.set_price("SPY", 490)
    simulator.clock.advance(timedelta(seconds=65))
    simulator.market.set_price("SPY", 497)
    simulator.clock.advance(timedelta(seconds=65))
    simulator.market.set_price("SPY", 485)
    simulator.clock.advance(timedelta(seconds=5))
    simulator.market.set_price("SPY", 493)
    enroll(db, "a", data_inputs=[stocks("SPY", metrics=ALL_METRICS)])

    ingest()

    facts = stored(db, "SPY")
    assert facts["day_open"] == [(Decimal(490), "02-11 09:32")]
    assert facts["day_high"] == [(Decimal(497), "02-11 09:32")]
    assert facts["day_low"] == [(Decimal(485), "02-11 09:32")]
    assert facts["prev_close"] == [(Decimal(492), "02-10 00:00")]
    # The minute that began at 9:32 is still running.
    assert facts["minute_bar"] == [(Decimal(497), "02-11 09:31")]


def test_a_minute_that_the_broker_shows_while_it_runs_is_not_stored(
    db: Database, simulator: SimulatedBroker
) -> None:
    trade = {"t": "2026-02-10T17:00:00Z", "p": 492, "s": 1}
    running = {"t": "2026-02-10T17:00:00Z", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}
    over = running | {"t": "2026-02-10T16:59:00Z", "c": 2}
    body = {
        "SPY": {"latestTrade": trade, "minuteBar": running},
        "AAPL": {"latestTrade": trade, "minuteBar": over},
        "MSFT": {"latestTrade": trade | {"t": "2026-02-10T17:01:00Z"}, "minuteBar": running},
    }
    simulator.faults.add("status", status=200, body=body, path="/v2/stocks")
    watch(db, "a", stocks(*body, metrics=["minute_bar"]))

    ingest()

    assert stored(db, "SPY") == {}
    assert stored(db, "AAPL")["minute_bar"] == [(Decimal(2), "02-10 11:59")]
    assert stored(db, "MSFT")["minute_bar"] == [(Decimal(1), "02-10 12:00")]


def test_a_crypto_day_begins_at_midnight_utc(db: Database, simulator: SimulatedBroker) -> None:
    simulator.clock.set(datetime(2026, 2, 10, 18, 59, tzinfo=NEW_YORK))
    simulator.market.set_price("BTC/USD", 60_000, prev_close=59_000)
    simulator.clock.advance(timedelta(minutes=2))
    simulator.market.set_price("BTC/USD", 61_000, volume=Decimal("0.25"))
    watch(db, "a", crypto("BTC/USD"))

    ingest()

    facts = stored(db, "BTC/USD")
    assert facts["prev_close"] == [(Decimal(60_000), "02-09 19:00")]
    assert facts["daily_bar"] == [(Decimal(61_000), "02-10 19:01")]
    volumes = rows(db, "SELECT volume FROM market_data_snapshots WHERE metric = 'daily_bar'")
    assert volumes == [{"volume": Decimal("0.25")}]


def test_each_input_is_due_by_its_own_interval(db: Database, simulator: SimulatedBroker) -> None:
    simulator.market.set_price("BTC/USD", 60_000, live=True)
    enroll(db, "a", data_inputs=[crypto("BTC/USD", poll_interval_seconds=180)])
    counts = []

    for jitter in (0, 3, -4, 2, -1):
        counts.append(ingest()["inputs"])
        simulator.clock.advance(timedelta(seconds=60 + jitter))

    assert counts == [2, 1, 1, 2, 1]


# Class shares, preferred shares and warrants with the broker's own spelling, in one request;
# robin_stocks issue 354 and Lean.Brokerages.InteractiveBrokers issue 85 met BRK.B's options, whose
# root is BRKB.
def test_shares_of_a_class_are_fetched_with_all_others(
    db: Database, simulator: SimulatedBroker
) -> None:
    names = ["BRK.B", "BAC.PRK", "HCMA.WS.A", "ACAQ.WS", "SPY"]
    for number, name in enumerate(names):
        simulator.market.set_price(name, 480 + number, prev_close=470, live=True)
    simulator.options.put("BRKB260320C00480000", underlying="BRK.B", bid="9", ask="9.2")
    chain = {"id": "chain", "source": "alpaca", "asset_class": "us_option"}
    watch(db, "a", stocks(*names), chain | {"underlyings": ["BRK.B"]})

    ingest()

    latest = {name: stored(db, name)["last_trade"][-1][0] for name in names}
    assert latest == {name: 480 + number for number, name in enumerate(names)}
    with db.transaction() as tx:
        (option,) = option_snapshots.chain(tx, "BRK.B", "indicative", NOON.date())
    assert option.contract.underlying == "BRK.B"
    assert (option.underlying_price, option.bid) == (Decimal(480), Decimal(9))
