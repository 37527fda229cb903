"""`countersign dev`: the stack kept running, for an app developer to script against."""

import json
import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from common.messages import QuestionCreated, TradeUpdate
from infra.local import firebase
from infra.local.app_backend import AppBackend
from infra.local.narrator import Narrator
from infra.local.paper import PaperAccount
from infra.local.scheduler import LocalScheduler
from infra.local.stack import (
    FIREBASE_KEY,
    INTERNAL_TOKEN,
    PROJECT,
    SIGNING_SECRET,
    WEBHOOK_SECRET,
    Broker,
    Ports,
    Stack,
    User,
    local_stack,
)
from infra.runtime.clock import Clock, SystemClock
from infra.runtime.schedules import load_schedules
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.recording import Recording

USERS = ("demo-user", "demo-user-2")


def dev(
    folder: Path,
    port: int,
    recordings: Sequence[Path],
    speed: float,
    pushes: Mapping[str, Sequence[str]],
    tell: Narrator,
    *,
    paper: PaperAccount | None = None,
) -> None:
    """Run until Ctrl-C (or SIGTERM); data stays in `folder` between runs.

    With a paper account the stack trades there, on the machine's clock; else on the simulator.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stack.json").unlink(missing_ok=True)
    ports = Ports(port, port + 1, port + 2) if port else Ports()
    users = [User(uid) for uid in USERS]
    app = AppBackend(_say_question(tell), _say_update(tell))
    with ExitStack() as running:
        broker, clock = _broker(folder, recordings, speed, paper, running, tell)
        stack = running.enter_context(
            local_stack(folder, broker, app, users, ports=ports, pushes=pushes)
        )
        running.enter_context(LocalScheduler(load_schedules(), stack.functions.url, clock))
        stack.call("ingest").raise_for_status()  # not a minute to wait for the first question
        write_stack_file(folder, stack)
        _say_addresses(tell, folder, stack)
        stop.wait()
        tell.step("Stop", "shutting down; the data stays")
    (folder / "stack.json").unlink(missing_ok=True)


def _broker(
    folder: Path,
    recordings: Sequence[Path],
    speed: float,
    paper: PaperAccount | None,
    running: ExitStack,
    tell: Narrator,
) -> tuple[Broker, Clock]:
    """Choose the broker and the clock that goes with it; say which account it is."""
    if paper is None:
        simulator = running.enter_context(simulated_broker(folder, recordings, speed))
        return simulator, simulator.clock
    account = paper.look()
    tell.step("Account", f"Alpaca {account.number}, {account.status}, at {paper.trading_url}")
    tell.step("", f"equity ${account.equity}, buying power ${account.buying_power}")
    return paper, SystemClock()


def simulated_broker(folder: Path, recordings: Sequence[Path], speed: float) -> SimulatedBroker:
    """Build the broker: recorded minutes at a speed, or a quiet market that never closes."""
    books = folder / "broker.sqlite"
    if recordings:
        recording = Recording.read(recordings)
        clock = SimulatedClock(recording.last_session.open + timedelta(minutes=1))
        clock.run(speed)
        return SimulatedBroker(clock, database=books, recording=recording)
    broker = SimulatedBroker(SimulatedClock(), database=books, always_open=True)
    for symbol, last, previous in (("SPY", 492, 500), ("AAPL", 228, 227), ("MSFT", 410, 409)):
        broker.market.set_price(symbol, last, prev_close=previous, live=True)
    return broker


def write_stack_file(folder: Path, stack: Stack) -> None:
    """Say where everything is; complete or not there at all."""
    now = SystemClock().now()
    key_file = folder / FIREBASE_KEY
    document: dict[str, Any] = {
        "functions": stack.functions.url,
        "broker": stack.broker_url,
        "dashboard": stack.dashboard_url,
        "database_url": stack.database_url,
        "answer_webhook_secret": WEBHOOK_SECRET,
        "internal_token": INTERNAL_TOKEN,
        "signing_secret": SIGNING_SECRET,
        "environment": dict(stack.environment),
        "users": [
            {"firebase_uid": uid, "id_token": firebase.id_token(key_file, PROJECT, uid, now)}
            for uid in USERS
        ],
    }
    unfinished = folder / "stack.json.part"
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)  # it holds secrets: nobody else on this machine may read it
    unfinished.write_text(json.dumps(document, indent=2) + "\n")
    unfinished.replace(folder / "stack.json")


def _say_addresses(tell: Narrator, folder: Path, stack: Stack) -> None:
    tell.step("Console", f"{stack.console_url} (open it in a browser)")
    tell.step("Functions", stack.functions.url)
    kind = "simulated" if isinstance(stack.broker, SimulatedBroker) else "paper"
    tell.step("Broker", f"{stack.broker_url} ({kind})")
    tell.step("Dashboard", f"{stack.dashboard_url} (open it in a browser)")
    tell.step("Script", f"everything is in {folder / 'stack.json'}; Ctrl-C stops")


def _say_question(tell: Narrator) -> Any:
    def say(question: QuestionCreated) -> None:
        tell.step("Question", f"for {question.firebase_uid}: {question.question_text}")
        tell.step("", f"countersign answer {question.question_id} +10")

    return say


def _say_update(tell: Narrator) -> Any:
    def say(update: TradeUpdate) -> None:
        why = f": {update.denial_code} {update.reason}" if update.denial_code else ""
        what = f"{update.side} ${update.notional_usd} {update.symbol} is {update.status}{why}"
        tell.step("Order", f"of {update.firebase_uid}: {what}")

    return say
