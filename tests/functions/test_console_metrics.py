"""The metrics on the console's first page, and the figures of its page of KPIs."""

import re
from datetime import datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from common.market import NEW_YORK
from infra.postgres.dashboard import kpis
from infra.postgres.dashboard.kpi_views import Views
from infra.postgres.database import Database
from infra.postgres.market import market_data, stream_counts
from infra.postgres.market.stream_counts import StreamCounts
from infra.postgres.trading import order_tracking
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, USER, enroll, function
from tests.functions.steps import asked, submit, swipe, tick
from tests.kpis.source_rows import Execution, SourceRows

pytestmark = pytest.mark.usefixtures("environment")


def metrics() -> dict[str, tuple[str, str]]:
    text = function("console").get("/").text
    pattern = r'<dt>(.*?)</dt><dd>(.*?) <span class="quiet">(.*?)</span></dd>'
    return {name: (value, meaning) for name, value, meaning in re.findall(pattern, text)}


def test_without_anything_there_is_nothing_to_measure() -> None:
    shown = {name: value for name, (value, _) in metrics().items()}

    assert shown == {
        "Ingest lag": "none",
        "Prices streamed": "never",
        "Messages streamed": "none",
        "Minutes dropped": "0",
        "Stream reconnects": "0",
        "Order updates streamed": "never",
        "Rule fires": "0",
        "Yes to accepted": "none",
        "Accepted to filled": "none",
    }


def test_it_shows_since_when_nothing_was_streamed(db: Database, simulator: SimulatedBroker) -> None:
    now = simulator.clock.now()
    with db.transaction() as tx:
        market_data.mark_fetched(tx, ["stream iex SPY last_trade"], now - timedelta(seconds=8))
        market_data.mark_fetched(tx, ["stream iex AAPL last_trade"], now - timedelta(seconds=3))
        market_data.mark_fetched(tx, ["corporate_actions SPY"], now)
        order_tracking.mark(tx, "stream", now - timedelta(minutes=20))

    shown = metrics()
    assert shown["Prices streamed"][0] == "3 s ago"
    assert shown["Order updates streamed"][0] == "1,200 s ago"


def test_it_shows_what_the_stream_brought_and_lost(
    db: Database, simulator: SimulatedBroker
) -> None:
    for counts in (StreamCounts(90, 2, 1), StreamCounts(15, 3, 0)):
        with db.transaction() as tx:
            stream_counts.add(tx, counts, 10, simulator.clock.now())
    names = ("Messages streamed", "Minutes dropped", "Stream reconnects")

    def values() -> list[str]:
        shown = metrics()
        return [shown[name][0] for name in names]

    lately = values()
    simulator.clock.advance(timedelta(minutes=1))
    without_worker = values()
    simulator.clock.advance(timedelta(days=1))
    tomorrow = values()
    with db.transaction() as tx:
        stream_counts.add(tx, StreamCounts(2_000, 0, 1), 1.0, simulator.clock.now())

    assert lately == ["1.5 a second", "5", "1"]
    assert without_worker == ["none", "5", "1"]
    assert tomorrow == ["none", "0", "0"]
    assert values() == ["2,000.0 a second", "0", "1"]


@pytest.mark.usefixtures("user")
def test_the_lag_counts_from_when_an_input_was_due(simulator: SimulatedBroker) -> None:
    tick()
    fresh = metrics()["Ingest lag"][0]
    simulator.clock.advance(timedelta(seconds=150))

    assert (fresh, metrics()["Ingest lag"][0]) == ("0.0 s", "90.0 s")


def test_a_rule_fires_whether_its_user_can_be_asked_or_not(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER)
    asked(db)
    once = metrics()["Rule fires"][0]
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("SPY", 491, live=True)
    tick()  # it fires again, and its question still waits
    twice = metrics()["Rule fires"][0]
    simulator.clock.advance(timedelta(days=1))

    assert (once, twice, metrics()["Rule fires"][0]) == ("1", "2", "0")


def test_the_count_begins_anew_with_the_day(db: Database, simulator: SimulatedBroker) -> None:
    enroll(db, USER)
    asked(db)
    simulator.clock.advance(timedelta(days=1))
    simulator.market.set_price("SPY", 470, live=True)

    tick()

    assert metrics()["Rule fires"][0] == "1"


@pytest.mark.usefixtures("user")
def test_latencies_are_those_of_todays_orders(db: Database, simulator: SimulatedBroker) -> None:
    question_id = asked(db)
    order_id = UUID(swipe(question_id, 10).get_json()["order_id"])
    with db.transaction() as tx:
        tx.run("UPDATE trade_orders SET created_at = created_at - interval '7.5 seconds'")
    submit(order_id)
    accepted = metrics()
    function("reconcile_orders").post("/")
    with db.transaction() as tx:
        tx.run("UPDATE trade_orders SET filled_at = submitted_at + interval '2 seconds'")

    shown = metrics()
    simulator.clock.advance(timedelta(days=1))
    tomorrow = metrics()

    assert accepted["Accepted to filled"][0] == "none"
    assert shown["Yes to accepted"] == ("7.5 s", "median today; longest 7.5 s")
    assert shown["Accepted to filled"] == ("2.0 s", "median today; longest 2.0 s")
    assert tomorrow["Yes to accepted"][0] == "none"


def test_each_kpi_shows_its_highest_and_its_lowest_contracts(db: Database) -> None:
    day = NOON.date() - timedelta(days=1)
    opened, closed = (datetime.combine(day, time(hour), NEW_YORK) for hour in (10, 16))
    source = SourceRows()
    source.session(day, opened, closed)
    for symbol, last in (("UP", 150), ("DOWN", 90)):
        source.fact(symbol, "prev_close", Decimal(100), opened)
        source.fact(symbol, "last_trade", Decimal(last), closed)
        source.trade(symbol, [Execution(opened, Decimal(2), Decimal(100))])
    with db.transaction() as tx:
        source.save(tx)
        kpis.refresh(tx, Views(), day, closed)
        tx.run(
            "INSERT INTO snapshot_pushes (report_date, updated_at, result)"
            " VALUES (:day, :now, 'failed')",
            day=day,
            now=closed,
        )

    shown = " ".join(re.sub(r"<[^>]*>", " ", function("console").get("/kpis").text).split())

    assert "Unrealized P/L high 1: UP 100 low 1: DOWN -20" in shown
