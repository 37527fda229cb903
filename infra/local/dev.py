"""`countersign dev`: the stack kept running, for an app developer to script against."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from common.messages import QuestionCreated, TradeUpdate
from infra.local import firebase, stack_file
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
from infra.postgres.console import questions
from infra.postgres.database import Row
from infra.runtime.clock import Clock, SystemClock
from infra.runtime.ending import Ending
from infra.runtime.schedules import load_schedules
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.recording import Recording

_QUESTIONS_SHOWN = 10
USERS = ("demo-user", "demo-user-2")


def dev(
    folder: Path,
    port: int,
    recordings: Sequence[Path],
    speed: float,
    pushes: Mapping[str, Sequence[str]],
    narrator: Narrator,
    *,
    paper: PaperAccount | None = None,
) -> None:
    """Run until Ctrl-C (or SIGTERM); data stays in `folder` between runs.

    With a paper account the stack trades there, on the machine's clock; else on the simulator.
    """
    ending = Ending()
    folder.mkdir(parents=True, exist_ok=True)
    ports = Ports(port, port + 1, port + 2) if port else Ports()
    users = [User(uid) for uid in USERS]
    app = AppBackend(_show_question(narrator), _show_update(narrator))
    with ExitStack() as running:
        running.enter_context(stack_file.held(folder))
        broker, clock = _broker(folder, recordings, speed, paper, running, narrator)
        stack = running.enter_context(
            local_stack(folder, broker, app, users, ports=ports, pushes=pushes)
        )
        running.enter_context(LocalScheduler(load_schedules(), stack.functions.url, clock))
        known = _waiting(stack, clock)
        stack.call("ingest").raise_for_status()  # not a minute to wait for the first question
        write_stack_file(folder, stack)
        _show_addresses(narrator, folder, stack)
        _show_waiting(narrator, known)
        while not ending.has_come():
            if stack.functions.restart_if_dead():
                narrator.step("Functions", "their process had ended: started again")
        narrator.step("Stop", "shutting down; the data stays")


def _waiting(stack: Stack, clock: Clock) -> list[Row]:
    """Read the questions of an earlier run that can still be answered."""
    with stack.database.transaction() as tx:
        return questions.pending(tx, clock.now(), _QUESTIONS_SHOWN)


def _show_waiting(narrator: Narrator, waiting: Sequence[Row]) -> None:
    for question in waiting:
        narrator.step("Waiting", f"for {question['firebase_uid']}: {question['text']}")
        narrator.step("", f"countersign answer {question['id']} +10")


def _broker(
    folder: Path,
    recordings: Sequence[Path],
    speed: float,
    paper: PaperAccount | None,
    running: ExitStack,
    narrator: Narrator,
) -> tuple[Broker, Clock]:
    """Choose the broker and the clock that goes with it; say which account it is."""
    if paper is None:
        simulator = running.enter_context(simulated_broker(folder, recordings, speed))
        return simulator, simulator.clock
    account = paper.look()
    narrator.step("Account", f"Alpaca {account.number}, {account.status}, at {paper.trading_url}")
    narrator.step("", f"equity ${account.equity}, buying power ${account.buying_power}")
    return paper, SystemClock()


def simulated_broker(folder: Path, recordings: Sequence[Path], speed: float) -> SimulatedBroker:
    """Build the broker: recorded minutes at a speed, or a quiet market that never closes."""
    ledger = folder / "broker.sqlite"
    if recordings:
        recording = Recording.read(recordings)
        clock = SimulatedClock(recording.last_session.open + timedelta(minutes=1))
        clock.run(speed)
        return SimulatedBroker(clock, database=ledger, recording=recording)
    broker = SimulatedBroker(SimulatedClock(), database=ledger, always_open=True)
    for symbol, last, previous in (("SPY", 492, 500), ("AAPL", 228, 227), ("MSFT", 410, 409)):
        broker.market.set_price(symbol, last, prev_close=previous, live=True)
    return broker


def write_stack_file(folder: Path, stack: Stack) -> None:
    """Say where everything is."""
    now = SystemClock().now()
    key_file = folder / FIREBASE_KEY
    document: dict[str, Any] = {
        "functions": stack.functions.url,
        "broker": stack.broker_url,
        "broker_streams": stack.broker_streams_url,
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
    stack_file.write(folder, document)


def _show_addresses(narrator: Narrator, folder: Path, stack: Stack) -> None:
    narrator.step("Console", f"{stack.console_url} (open it in a browser)")
    narrator.step("Functions", stack.functions.url)
    kind = "simulated" if isinstance(stack.broker, SimulatedBroker) else "paper"
    narrator.step("Broker", f"{stack.broker_url} ({kind})")
    narrator.step("Dashboard", f"{stack.dashboard_url} (open it in a browser)")
    narrator.step("Script", f"everything is in {folder / stack_file.NAME}; Ctrl-C stops")


def _show_question(narrator: Narrator) -> Any:
    def say(question: QuestionCreated) -> None:
        narrator.step("Question", f"for {question.firebase_uid}: {question.question_text}")
        narrator.step("", f"countersign answer {question.question_id} +10")

    return say


def _show_update(narrator: Narrator) -> Any:
    def say(update: TradeUpdate) -> None:
        why = f": {update.denial_code} {update.reason}" if update.denial_code else ""
        what = f"{update.side} ${update.notional_usd} {update.symbol} is {update.status}{why}"
        narrator.step("Order", f"of {update.firebase_uid}: {what}")

    return say
