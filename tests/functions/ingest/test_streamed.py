"""`countersign stream` beside `ingest`: who has prices from where, and what happens without it."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from click.testing import CliRunner

from common.messages import SnapshotsIngested
from infra.cli import main
from infra.postgres.database import Database
from infra.runtime.settings import Settings, SettingsError
from infra.simulator.broker import SimulatedBroker
from infra.simulator.streams.server import StreamServer
from infra.workflows.stream.symbols import StreamSymbols
from tests.conftest import NOON, ROOT, enroll, rows
from tests.e2e.test_demo import COUNTERSIGN
from tests.functions.ingest.test_ingest_inputs import asked, ingest, stocks, stored, watch
from tests.functions.steps import deliver, messages, tick
from tests.waiting import PATIENCE_SECONDS

__all__ = ["asked"]

MINUTE = timedelta(minutes=1)
SNAPSHOTS = "/v2/stocks/snapshots"
SYMBOLS = {"AAPL", "MSFT", "SPY"}


@pytest.fixture(autouse=True)
def _streams(environment: pytest.MonkeyPatch, simulator: SimulatedBroker) -> Iterator[None]:
    with StreamServer(simulator) as server:
        environment.setenv("ALPACA_STREAM_URL", server.url)
        yield


BY_HAND = (*COUNTERSIGN, "stream")
DEPLOYED = (sys.executable, "-m", "infra.worker")


@contextmanager
def worker(command: Sequence[str] = BY_HAND) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the worker as a person does, or a deployment."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT) as process:  # noqa: S603
        try:
            yield process
        finally:
            process.kill()


def marked(db: Database, metric: str, since: datetime) -> set[str]:
    """Return the symbols whose metric the worker has stored since then."""
    found = rows(db, "SELECT input_key FROM ingest_cursors WHERE last_fetch_at >= :t", t=since)
    keys = [row["input_key"].split() for row in found]
    return {key[2] for key in keys if key[0] == "stream" and key[3] == metric}


def stream_a_minute(
    db: Database, simulator: SimulatedBroker, process: "subprocess.Popen[bytes]", price: int
) -> None:
    """Let the market move for a minute, all of which comes over the stream."""
    simulator.clock.advance(timedelta(seconds=15))
    while marked(db, "last_trade", simulator.clock.now()) != SYMBOLS:
        assert process.poll() is None
        for symbol in SYMBOLS:  # again, for it may not be followed yet
            simulator.market.set_price(symbol, price)
    simulator.clock.advance(MINUTE)
    while marked(db, "daily_bar", simulator.clock.now()) != SYMBOLS:
        assert process.poll() is None


def test_what_is_streamed_is_not_fetched_and_without_the_worker_it_is_within_two_ticks(
    db: Database, simulator: SimulatedBroker, asked: list[str]
) -> None:
    enroll(db, "a")
    ingest()
    with worker() as process:
        stream_a_minute(db, simulator, process, 700)
        ingest()  # the day's previous closes
        stream_a_minute(db, simulator, process, 701)
        asked.clear()
        ingest()
        assert SNAPSHOTS not in asked
        process.kill()
        process.wait()
    simulator.market.set_price("SPY", 650)

    for _ in range(2):
        simulator.clock.advance(MINUTE)
        tick()

    assert SNAPSHOTS in asked
    assert stored(db, "SPY")["last_trade"][-1][0] == Decimal(650)


@pytest.mark.parametrize("command", [BY_HAND, DEPLOYED], ids=["by hand", "deployed"])
def test_a_streamed_price_has_its_user_asked(
    db: Database, simulator: SimulatedBroker, command: Sequence[str]
) -> None:
    simulator.market.set_price("SPY", 499, prev_close=500)
    enroll(db, "a")
    tick()
    assert not rows(db, "SELECT 1 FROM confirmations")
    announced = len(messages(db, "snapshots-ingested"))
    simulator.clock.advance(timedelta(seconds=1))
    with worker(command) as process:
        while "SPY" not in marked(db, "last_trade", NOON):
            assert process.poll() is None
            simulator.market.set_price("SPY", 480)
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=PATIENCE_SECONDS) == 0
    assert not rows(db, "SELECT 1 FROM outbox WHERE published_at IS NULL")
    last = messages(db, "snapshots-ingested")[announced:][-1]
    deliver("evaluate", SnapshotsIngested.model_validate(last))

    assert rows(db, "SELECT 1 FROM confirmations")


def symbols(db: Database, simulator: SimulatedBroker) -> StreamSymbols:
    return StreamSymbols(db, Settings.from_environment().server_limits, simulator.clock)


def test_what_exceeds_the_plan_is_named_by_user_and_input_and_the_others_go_on(
    environment: pytest.MonkeyPatch, db: Database, simulator: SimulatedBroker
) -> None:
    environment.setenv("MAX_STREAM_SYMBOLS", "2")
    watch(db, "first", stocks("AAPL", "MSFT"))
    ingest()
    streamed = symbols(db, simulator)
    assert streamed.current() == {"AAPL", "MSFT"}
    watch(db, "second", stocks("MSFT", "SPY"))
    watch(db, "modest", stocks("MSFT", poll_interval_seconds=120))
    simulator.clock.advance(MINUTE)
    ingest()

    assert streamed.current() == {"AAPL", "MSFT"}
    assert rows(db, "SELECT kind, name, firebase_uid, reason FROM set_aside_rows") == [
        {
            "kind": "streamed input",
            "name": "shares of second",
            "firebase_uid": "second",
            "reason": "it is polled: MAX_STREAM_SYMBOLS allows 2 stocks",
        }
    ]
    assert "SPY" in {r["symbol"] for r in rows(db, "SELECT symbol FROM market_data_snapshots")}
    with db.transaction() as tx:
        tx.run("UPDATE user_trading_config SET enabled = false WHERE firebase_uid = 'first'")
    assert streamed.current() == {"MSFT", "SPY"}
    assert not rows(db, "SELECT 1 FROM set_aside_rows")


def test_of_many_users_whose_input_exceeds_the_plan_a_hundred_are_named(
    environment: pytest.MonkeyPatch, db: Database, simulator: SimulatedBroker
) -> None:
    environment.setenv("MAX_STREAM_SYMBOLS", "1")
    uids = [f"user-{number:03}" for number in range(101)]
    for uid in uids:
        watch(db, uid, stocks("AAPL", "MSFT"))

    assert symbols(db, simulator).current() == frozenset()

    named = rows(db, "SELECT firebase_uid FROM set_aside_rows ORDER BY firebase_uid")
    assert [each["firebase_uid"] for each in named] == uids[:100]


def test_only_open_markets_whose_corporate_actions_are_known_are_followed(
    db: Database, simulator: SimulatedBroker
) -> None:
    watch(db, "first", stocks("SPY"), stocks("AAPL", id="late", extended_hours=True))
    streamed = symbols(db, simulator)
    assert streamed.current() == frozenset()

    ingest()
    assert streamed.current() == {"AAPL", "SPY"}
    simulator.clock.set(NOON.replace(hour=17))
    assert streamed.current() == {"AAPL"}
    simulator.clock.set(NOON.replace(hour=22))
    assert streamed.current() == frozenset()


def test_inputs_of_another_feed_are_polled(db: Database, simulator: SimulatedBroker) -> None:
    watch(db, "first", stocks("SPY"), stocks("AAPL", id="tape", feed="delayed_sip"))
    ingest()

    assert symbols(db, simulator).current() == {"SPY"}


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("QUESTION_PIPELINE_TEST_MODE", "true", "has no broker"),
        ("ALPACA_STREAM_URL", "wss://stream.data.alpaca.markets.example.com", "ALPACA_STREAM_URL"),
        ("ALPACA_STREAM_URL", "ws://stream.data.alpaca.markets", "ALPACA_STREAM_URL"),
        ("ALPACA_STREAM_URL", "wss://stream.data.alpaca.markets", "on this machine"),
    ],
)
def test_where_nothing_can_be_streamed_it_says_so(
    environment: pytest.MonkeyPatch, name: str, value: str, hint: str
) -> None:
    environment.setenv(name, value)

    done = CliRunner().invoke(main, ["stream"])

    assert isinstance(done.exception, SettingsError)
    assert hint in str(done.exception)
