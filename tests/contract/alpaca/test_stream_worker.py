"""The stream's worker: what the simulator streams is in the database."""

import random
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from common.errors import BrokerRefusedError, OutcomeUnknownError, TransientError
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.stream.client import StockStream
from infra.gcp.pubsub import PubsubPublisher
from infra.local.stack import PROJECT
from infra.postgres.database import Database, connector
from infra.simulator.broker import SimulatedBroker
from infra.workflows.outbox_relay import Relay
from infra.workflows.stream.buffer import StreamBuffer
from infra.workflows.stream.ingest import StreamIngest
from infra.workflows.stream.store import StreamStore
from infra.workflows.stream.worker import StreamWorker
from tests.conftest import rows
from tests.contract.conftest import IN_SESSION
from tests.faults.proxy import Cut, Proxy

MINUTE = timedelta(minutes=1)
SYMBOLS = ["AAPL", "MSFT", "SPY"]
KEYS = ("sim-key", "sim-secret")
Make = Callable[..., StreamWorker]


@pytest.fixture
def make(
    db: Database, broker: SimulatedBroker, broker_address: str, streams: str, bus_host: str
) -> Iterator[Make]:
    """Return what makes a worker around the simulator and the database."""
    wire = AlpacaHttp(broker_address, *KEYS)
    publisher = PubsubPublisher(PROJECT, bus_host)

    def worker(
        secret_key: str = KEYS[1],
        database: Database = db,
        buffer: StreamBuffer | None = None,
        beat: float = 0.01,
        symbols: Collection[str] = SYMBOLS,
    ) -> StreamWorker:
        buffer = StreamBuffer() if buffer is None else buffer
        ingest = StreamIngest("iex", AlpacaMarketData(wire), buffer, broker.clock)
        return StreamWorker(
            database,
            lambda: StockStream(f"{streams}/v2/iex", KEYS[0], secret_key, ingest, first_pause=0.01),
            ingest,
            StreamStore(database, buffer, broker.clock),
            Relay(database, publisher, broker.clock),
            lambda: symbols,
            broker.clock,
            beat=beat,
        )

    yield worker
    wire.close()
    publisher.close()


@contextmanager
def running(worker: StreamWorker) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        worker.close()
        thread.join()


def stored(db: Database, symbol: str, metric: str) -> list[tuple[Any, Decimal]]:
    found = rows(
        db,
        """
        SELECT as_of, price FROM market_data_snapshots
        WHERE symbol = :symbol AND metric = :metric ORDER BY id
        """,
        symbol=symbol,
        metric=metric,
    )
    return [(row["as_of"], row["price"]) for row in found]


def price_until(broker: SimulatedBroker, db: Database, symbol: str, first: int) -> int:
    """Change the price until one is stored: the worker follows from then on."""
    price = first
    while not stored(db, symbol, "last_trade"):
        price += 1
        broker.market.set_price(symbol, price)
        broker.clock.advance(timedelta(seconds=1))
    return price


def test_a_price_is_stored_and_announced(db: Database, broker: SimulatedBroker, make: Make) -> None:
    with running(make()):
        price_until(broker, db, "SPY", 500)
        broker.market.set_price("SPY", "777.77")

    assert stored(db, "SPY", "last_trade")[-1][1] == Decimal("777.77")
    announced = rows(db, "SELECT published_at FROM outbox WHERE topic = 'snapshots-ingested'")
    assert announced
    assert all(each["published_at"] for each in announced)


def test_every_minute_is_there_whenever_the_connection_breaks(
    db: Database, broker: SimulatedBroker, make: Make
) -> None:
    minutes = 120
    for minute in range(1, minutes + 1):
        for symbol in SYMBOLS:
            broker.market.set_price(
                symbol, 1000 + minute, at=IN_SESSION + timedelta(hours=1) + minute * MINUTE
            )
    broker.switches.stream_waits = True
    broker.faults.add("disconnect", path="/v2/iex", times=5, after=3, probability=0.1, seed=7)
    steps = random.Random(7)
    with running(make()):
        for symbol in SYMBOLS:
            price_until(broker, db, symbol, 500)
        end = IN_SESSION + timedelta(hours=1) + (minutes + 1) * MINUTE
        while broker.clock.now() < end:
            broker.clock.set(min(end, broker.clock.now() + steps.randint(1, 9) * MINUTE))
        wanted = [Decimal(1000 + minute) for minute in range(1, minutes + 1)]
        for symbol in SYMBOLS:
            while [p for _, p in sorted(stored(db, symbol, "minute_bar")) if p > 1000] != wanted:
                broker.market.set_price("AAPL", "7")  # a broken connection shows with the next

    assert broker.faults.injected("disconnect") >= 1
    (counted,) = rows(db, "SELECT * FROM stream_counts")
    assert counted["reconnects"] >= 1
    assert counted["dropped"] == 0


def test_one_leads_and_another_takes_over(
    db: Database, broker: SimulatedBroker, make: Make
) -> None:
    first, second = make(), make()
    with running(first) as leading:
        price_until(broker, db, "SPY", 500)
        with running(second) as waiting:
            first.close()
            leading.join()
            before = len(stored(db, "SPY", "last_trade"))
            price = 900
            while len(stored(db, "SPY", "last_trade")) == before:
                price += 1
                broker.market.set_price("SPY", price)
                broker.clock.advance(timedelta(seconds=1))
            assert waiting.is_alive()


def test_wrong_keys_end_it(make: Make) -> None:
    with pytest.raises(BrokerRefusedError):
        make("wrong").run()


def test_a_database_that_is_away_costs_no_newest_price(
    db: Database, broker: SimulatedBroker, make: Make
) -> None:
    del make
    buffer = StreamBuffer()
    away = Database(connector("postgresql://nobody@127.0.0.1:1/nothing"))
    wire = AlpacaHttp("http://127.0.0.1:1", *KEYS)
    ingest = StreamIngest("iex", AlpacaMarketData(wire), buffer, broker.clock)
    for number in range(1, 1000):
        ingest.received(
            [{"T": "t", "S": "SPY", "p": number, "s": 1, "t": "2026-10-08T14:30:00.5Z"}]
        )
        if number % 300 == 0:
            with pytest.raises(TransientError):
                StreamStore(away, buffer, broker.clock).store_due(all_of_them=True)

    assert len(buffer) == 1
    assert StreamStore(db, buffer, broker.clock).store_due(all_of_them=True) == 1
    assert [price for _, price in stored(db, "SPY", "last_trade")] == [Decimal(999)]
    wire.close()


LOST_COMMITS = [Cut.BEFORE_COMMIT, Cut.AFTER_COMMIT]


@pytest.mark.parametrize("when", LOST_COMMITS)
def test_a_batch_whose_commit_is_unknown_is_stored_and_announced_once(
    database_url: str, db: Database, broker: SimulatedBroker, when: Cut
) -> None:
    buffer = StreamBuffer()
    wire = AlpacaHttp("http://127.0.0.1:1", *KEYS)
    ingest = StreamIngest("iex", AlpacaMarketData(wire), buffer, broker.clock)
    with Proxy(database_url) as proxy:
        database = Database(connector(proxy.url))
        store = StreamStore(database, buffer, broker.clock)
        ingest.received([{"T": "t", "S": "SPY", "p": 501, "s": 1, "t": "2026-10-08T14:30:00.5Z"}])
        proxy.cut(when)

        with pytest.raises(OutcomeUnknownError):
            store.store_due()
        assert len(buffer) == 1
        store.store_due(all_of_them=True)
        database.close()

    assert stored(db, "SPY", "last_trade")[0][1] == Decimal(501)
    assert len(rows(db, "SELECT 1 FROM market_data_snapshots")) == 1
    assert len(rows(db, "SELECT 1 FROM outbox")) == 1
    wire.close()


@pytest.mark.parametrize("when", LOST_COMMITS)
def test_what_waits_is_stored_at_the_end_even_when_the_commit_is_unknown(
    database_url: str, db: Database, broker: SimulatedBroker, make: Make, when: Cut
) -> None:
    buffer = StreamBuffer()
    with Proxy(database_url) as proxy:
        database = Database(connector(proxy.url))
        worker = make(database=database, buffer=buffer, beat=60)
        with running(worker):
            price = 500
            while not len(buffer):
                price += 1
                broker.market.set_price("SPY", price)
            proxy.cut(when)
        database.close()

    assert proxy.has_cut
    assert not len(buffer)
    assert stored(db, "SPY", "last_trade")


def test_another_takes_over_from_a_leader_whose_connection_is_lost(
    database_url: str, db: Database, broker: SimulatedBroker, make: Make
) -> None:
    with Proxy(database_url) as proxy:
        database = Database(connector(proxy.url))
        with running(make(database=database)) as losing:
            price = price_until(broker, db, "SPY", 500)
            with running(make()):
                proxy.is_down = True
                proxy.drop_everything()
                before = len(stored(db, "SPY", "last_trade"))
                while len(stored(db, "SPY", "last_trade")) == before:
                    price += 1
                    broker.market.set_price("SPY", price)
                    broker.clock.advance(timedelta(seconds=1))
                assert losing.is_alive()  # it waits for its turn
        database.close()


def test_the_day_so_far_is_stored_too(db: Database, broker: SimulatedBroker, make: Make) -> None:
    with running(make()):
        price_until(broker, db, "SPY", 500)
        while not stored(db, "SPY", "day_high"):
            broker.market.set_price("SPY", 490)
            broker.clock.advance(MINUTE)

    (low,) = {price for _, price in stored(db, "SPY", "day_low")}
    assert low == 490
    assert stored(db, "SPY", "daily_bar")[-1][1] == 490


def test_of_what_is_no_longer_followed_nothing_is_missed(broker: SimulatedBroker) -> None:
    wire = AlpacaHttp("http://127.0.0.1:1", *KEYS)
    ingest = StreamIngest("iex", AlpacaMarketData(wire), StreamBuffer(), broker.clock)
    ingest.subscribed(["SPY"])
    ingest.keep_only([])
    ingest.subscribed(["SPY"])
    ingest.fill_gaps()  # asks for nothing

    ingest.interrupted("broken")
    ingest.subscribed(["SPY"])

    with pytest.raises(TransientError):
        ingest.fill_gaps()
    wire.close()


def test_a_batch_says_how_late_it_is_and_what_came_since_the_one_before(
    db: Database, broker: SimulatedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    wire = AlpacaHttp("http://127.0.0.1:1", *KEYS)
    buffer = StreamBuffer(most_minutes=1)
    ingest = StreamIngest("iex", AlpacaMarketData(wire), buffer, broker.clock)
    store = StreamStore(db, buffer, broker.clock)
    bar = {"T": "b", "S": "SPY", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}
    trade = {"T": "t", "p": 501, "s": 1}

    ingest.received([bar | {"t": f"2026-10-08T14:{minute}:00Z"} for minute in (10, 11, 12)])
    ingest.received([trade | {"S": "SPY", "t": "2026-10-08T14:29:58Z"}, {"T": "q", "S": "SPY"}])
    ingest.received([trade | {"S": "AAPL", "t": "2026-10-08T14:29:59Z"}])
    store.store_due()
    ingest.received([trade | {"S": "MSFT", "t": "2026-10-08T14:30:00Z"}])
    store.store_due()

    lines = [vars(each) for each in caplog.records if vars(each).get("event") == "stream_stored"]
    assert [(line["lag_seconds"], line["messages"], line["dropped"]) for line in lines] == [
        (2.0, 6, 2),
        (0.0, 1, 0),
    ]
    wire.close()


def test_what_came_is_counted_some_times_a_minute_and_at_the_end(
    db: Database, broker: SimulatedBroker
) -> None:
    wire = AlpacaHttp("http://127.0.0.1:1", *KEYS)
    buffer = StreamBuffer(most_minutes=1)
    ingest = StreamIngest("iex", AlpacaMarketData(wire), buffer, broker.clock)
    store = StreamStore(db, buffer, broker.clock)
    bar = {"T": "b", "S": "SPY", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}

    def counted() -> list[tuple[float, int, int]]:
        found = rows(db, "SELECT messages_per_second, dropped, reconnects FROM stream_counts")
        return [(r["messages_per_second"], r["dropped"], r["reconnects"]) for r in found]

    ingest.subscribed(["SPY"])
    ingest.received([bar | {"t": f"2026-10-08T14:{minute}:00Z"} for minute in range(10, 30)])
    broker.clock.advance(timedelta(seconds=9))
    store.count_due()
    assert counted() == []
    broker.clock.advance(timedelta(seconds=1))
    store.count_due()
    assert counted() == [(2.0, 19, 0)]

    for _ in range(3):  # attempts to connect
        ingest.interrupted("broken")
    ingest.subscribed(["SPY"])
    ingest.subscribed(["AAPL"])
    ingest.received([{"T": "q", "S": "SPY"}])
    broker.clock.advance(timedelta(seconds=2))
    store.count_due()
    assert counted() == [(2.0, 19, 0)]
    store.count_due(at_once=True)
    assert counted() == [(0.5, 19, 1)]
    wire.close()
