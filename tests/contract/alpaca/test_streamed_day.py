"""A whole day streamed as fast as the worker takes it, over a connection that breaks at random."""

import csv
import gzip
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.market import NEW_YORK, Snapshot
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.market_data import AlpacaMarketData
from infra.local.replay import sample
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.recording import Recording
from infra.workflows.stream.buffer import StreamBuffer
from infra.workflows.stream.ingest import StreamIngest
from tests.contract.alpaca.test_stream_worker import Make, make, running, stored

__all__ = ["make"]

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
REAL = Path(__file__).parents[4] / "shared" / "market-data"

Closes = dict[str, dict[datetime, Decimal]]


class WatchedBuffer(StreamBuffer):
    """Remembers the newest minute that came."""

    def __init__(self, begin: datetime) -> None:
        super().__init__()
        self.newest = begin

    def add(self, facts: Iterable[Snapshot]) -> None:
        facts = list(facts)
        super().add(facts)
        minutes = [fact.as_of for fact in facts if fact.metric == "minute_bar"]
        self.newest = max([self.newest, *minutes])


@pytest.fixture(params=["made here", "recorded"])
def day(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The file of a day."""
    if request.param == "made here":
        return sample.write(tmp_path)[-1]
    path = REAL / "2013-10-08_equity_minute_bars.csv.gz"
    if not path.exists():
        pytest.skip("there is no recorded day beside the project")
    return path


@pytest.fixture
def closes(day: Path) -> Closes:
    """The last price of each minute of the session, by symbol."""
    opener = gzip.open if day.suffix == ".gz" else open
    with opener(day, "rt", encoding="utf-8") as lines:
        rows = [(row, datetime.fromisoformat(row["timestamp"])) for row in csv.DictReader(lines)]
    found: Closes = {}
    for row, at in rows:
        if time(9, 30) <= at.astimezone(NEW_YORK).time() < time(16):
            found.setdefault(row["symbol"], {})[at] = Decimal(row["close"])
    return found


@pytest.fixture
def broker(day: Path, closes: Closes) -> Iterator[SimulatedBroker]:
    """A broker that replays the day, just before the session."""
    opens = min(at for minutes in closes.values() for at in minutes)
    clock, recording = SimulatedClock(at=opens - MINUTE), Recording.read([day])
    with SimulatedBroker(clock, recording=recording) as broker:
        yield broker


def test_every_minute_of_a_day_is_stored_whenever_the_connection_breaks(
    db: Database, broker: SimulatedBroker, closes: Closes, make: Make
) -> None:
    broker.switches.stream_waits = True
    broker.faults.add("disconnect", path="/v2/iex", times=8, after=2, probability=0.1, seed=8)
    buffer, steps = WatchedBuffer(broker.clock.now()), random.Random(8)
    worker = make(symbols=list(closes), buffer=buffer)
    ends = max(at for minutes in closes.values() for at in minutes) + MINUTE
    with running(worker):
        until(lambda: worker._ingest._followed == closes.keys())
        while broker.clock.now() < ends:
            broker.clock.set(min(ends, broker.clock.now() + steps.randint(1, 9) * MINUTE))
            # As far ahead as a stream may be of its client.
            until(lambda: buffer.newest > broker.clock.now() - 20 * MINUTE)
        for symbol, minutes in closes.items():
            until(lambda s=symbol, m=minutes: in_session(db, s, m) == m)  # type: ignore[misc]

    assert broker.faults.injected("disconnect") >= 3
    assert buffer.counts.dropped == 0


def in_session(db: Database, symbol: str, minutes: dict[datetime, Decimal]) -> Any:
    return {at: price for at, price in stored(db, symbol, "minute_bar") if at in minutes}


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        pass


def test_a_minute_that_was_over_and_on_its_way_when_the_connection_broke_is_read(
    broker_address: str, broker: SimulatedBroker
) -> None:
    symbol = min(broker.market.symbols())
    minute = broker.clock.now() + 10 * MINUTE
    broker.clock.set(minute + timedelta(seconds=61))
    wire = AlpacaHttp(broker_address, "sim-key", "sim-secret")
    buffer = StreamBuffer()
    ingest = StreamIngest("iex", AlpacaMarketData(wire), buffer, broker.clock)
    ingest.subscribed([symbol])
    broker.clock.advance(HOUR)
    at = (minute + MINUTE).strftime("%Y-%m-%dT%H:%M:%SZ")
    ingest.received([{"T": "t", "S": symbol, "p": 1, "s": 1, "t": at}])

    ingest.interrupted("broken")
    ingest.subscribed([symbol])
    ingest.fill_gaps()

    waiting = buffer.take(broker.clock.now(), all_of_them=True)
    assert minute in {fact.as_of for fact in waiting if fact.metric == "minute_bar"}
    wire.close()
