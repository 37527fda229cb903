"""Live prices through the whole local stack: 30 symbols, 50 messages a second of each."""

import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from time import perf_counter, sleep
from typing import Any

from infra.local.app_backend import AppBackend
from infra.local.demo import MORNING
from infra.local.driver import Driver
from infra.local.stack import Stack, User, local_stack
from infra.runtime.settings import env_vars
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from tests.bench.timing import Figure

SYMBOLS = [f"{first}{second}" for first in "ABC" for second in "ABCDEFGHIJ"]
MESSAGES_A_SECOND = 50  # of each symbol: as many trades as quotes
# In each round a symbol falls further, and another user's rule fires.
ROUNDS = ((98, "-1.5"), (96, "-3"), (94, "-5"))


def stream(folder: Path) -> Iterator[Figure]:
    """Time a price change until its question is there, and the stream beside it."""
    users = [
        User(f"{symbol}-{number}", None, _config(symbol, threshold))
        for symbol in SYMBOLS
        for number, (_, threshold) in enumerate(ROUNDS)
    ]
    with (
        SimulatedBroker(SimulatedClock(MORNING)) as simulator,
        local_stack(folder, simulator, AppBackend(), users, keep=False) as stack,
    ):
        for symbol in SYMBOLS:
            simulator.market.set_price(symbol, 100, prev_close=100)
        Driver(stack).ingest()
        simulator.clock.run()
        prices = dict.fromkeys(SYMBOLS, 100)
        with _worker(stack, folder) as worker, _moving(simulator, prices) as sent:
            _until(lambda: _streamed(stack) == len(SYMBOLS))
            before, begin, first = _memory(worker), perf_counter(), sent[0]
            asked = [
                _asked(stack, prices, symbol, number)
                for number in range(len(ROUNDS))
                for symbol in SYMBOLS
            ]
            seconds, messages = perf_counter() - begin, sent[0] - first
            after = _memory(worker)
        lines = _lines(folder)
    yield from _figures(sorted(asked), lines, seconds / messages)
    if before:
        yield Figure("a streaming worker's memory (KiB)", [after], "at its begin", [before], 1.2)


def _figures(
    asked: Sequence[float], lines: Sequence[dict[str, Any]], a_message: float
) -> Iterator[Figure]:
    p50, p99 = statistics.median(asked), asked[int(len(asked) * 0.99)]
    yield Figure("price to question, streamed (p99)", [p99], "two seconds", [2.0], 1.0)
    yield Figure("price to question, streamed (p50)", [p50], "two seconds", [2.0])
    lags = sorted(float(line["lag_seconds"]) for line in lines)
    p50, p99 = statistics.median(lags), lags[int(len(lags) * 0.99)]
    yield Figure("lag of the stream (p99)", [p99], "p50", [p50])
    wanted = 1 / (len(SYMBOLS) * MESSAGES_A_SECOND)
    name = f"a streamed message, {1 / a_message:.0f} a second"
    yield Figure(name, [a_message], f"{1 / wanted:.0f} a second", [wanted], 1.25)


def _config(symbol: str, threshold: str) -> dict[str, Any]:
    return {
        "version": 1,
        "enabled": True,
        "data_inputs": [
            {"id": "all", "source": "alpaca", "asset_class": "us_equity", "symbols": SYMBOLS}
        ],
        "rules": [
            {
                "id": "dip",
                "type": "price_below_pct_of_ref",
                "symbol": symbol,
                "ref_metric": "prev_close",
                "threshold_pct": Decimal(threshold),
                "question_template": "{{symbol}} is down {{pct}}%. Buy {{size}}?",
                "on_answer_match": {"action": "propose_order", "side": "buy", "notional_usd": 10},
            }
        ],
        "guardrails": {"max_orders_per_day": 3, "max_notional_usd_per_4h": 100},
    }


@contextmanager
def _worker(stack: Stack, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `countersign stream` as a deployment does."""
    command = [sys.executable, "-m", "infra", "stream"]
    environment = {**env_vars(), **stack.environment}
    with (folder / "stream.log").open("wb") as log:
        worker = subprocess.Popen(command, env=environment, stderr=log)  # noqa: S603
        try:
            yield worker
        finally:
            worker.terminate()
            worker.wait()


@contextmanager
def _moving(simulator: SimulatedBroker, prices: dict[str, int]) -> Iterator[list[int]]:
    """Move all prices a little, again and again; yield how many messages that made."""
    ended, sent, dice = threading.Event(), [0], Random(7)

    def move() -> None:
        due = perf_counter()
        while not ended.is_set():
            for symbol in SYMBOLS:
                simulator.market.set_price(symbol, f"{prices[symbol]}.{dice.randint(1, 9)}")
                sent[0] += 2
            due += 2 / MESSAGES_A_SECOND
            sleep(max(0.0, due - perf_counter()))

    thread = threading.Thread(target=move)
    thread.start()
    try:
        yield sent
    finally:
        ended.set()
        thread.join()


def _asked(stack: Stack, prices: dict[str, int], symbol: str, number: int) -> float:
    """Let a symbol fall; return the seconds until its user's question is there."""
    begin = perf_counter()
    prices[symbol] = ROUNDS[number][0] - 1
    uid = f"{symbol}-{number}"
    _until(lambda: _count(stack, "questions WHERE firebase_uid = :uid", uid=uid))
    return perf_counter() - begin


def _streamed(stack: Stack) -> int:
    return _count(stack, "ingest_cursors WHERE input_key LIKE 'stream % last_trade'")


def _count(stack: Stack, rows: str, **parameters: object) -> int:
    with stack.database.transaction() as tx:
        found = tx.rows(f"SELECT count(*) AS n FROM {rows}", **parameters)  # noqa: S608 (ours)
    return int(found[0]["n"])


def _until(condition: Any) -> None:
    begin = perf_counter()
    while not condition():
        if perf_counter() - begin > 60:
            raise AssertionError("nothing came for a minute")
        sleep(0.005)


def _memory(worker: "subprocess.Popen[bytes]") -> float:
    """Return the KiB that a process has in memory, 0 where that cannot be told."""
    status = Path(f"/proc/{worker.pid}/status")
    if os.name != "posix" or not status.exists():
        return 0.0
    (line,) = (each for each in status.read_text().splitlines() if each.startswith("VmRSS"))
    return float(line.split()[1])


def _lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "stream.log").read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == "stream_stored"]
