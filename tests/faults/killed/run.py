"""Kill the whole stack again and again while it trades, and start it again each time."""

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from infra.local.app_backend import AppBackend
from infra.local.serving import HttpServer
from tests.faults.killed.process import KillableStack
from tests.faults.killed.users import Users
from tests.faults.killed.verdict import Verdict, judge

# A part of the kills comes while the stack is still starting.
_EARLY = 0.2
_LONGEST_LIFE_SECONDS = 20


@dataclass
class Outcome:
    """What the run did, and what came of it."""

    users: Users
    verdict: Verdict = field(default_factory=Verdict)
    processes_killed: int = 0
    kills_while_starting: int = 0
    starts_seconds: list[float] = field(default_factory=list)

    @property
    def median_start(self) -> float:
        """How long it usually took until everything answered again, in seconds."""
        return statistics.median(self.starts_seconds)


def run(folder: Path, kills: int, seed: int, progress: Callable[[Outcome], None]) -> Outcome:
    """Trade and kill, then start once more, let it settle, and judge."""
    rng = Random(seed)
    app = AppBackend()
    outcome = Outcome(Users(app, Random(seed)))
    with HttpServer(app.app) as server:
        stack = KillableStack(folder, server.url)
        try:
            for _ in range(kills):
                _live_and_die(stack, outcome, rng)
                progress(outcome)
            outcome.verdict = judge(_started(stack, outcome), outcome.users.approved)
            if stack.stop() != 0 or stack.survivors():
                outcome.verdict.wrong.append("the stack did not stop in peace at its end")
        finally:
            stack.kill(rng)
    return outcome


def _live_and_die(stack: KillableStack, outcome: Outcome, rng: Random) -> None:
    """Start, trade for a moment, and be killed in the middle of it."""
    if rng.random() < _EARLY:
        stack.start()
        time.sleep(rng.uniform(0, 2))
        outcome.kills_while_starting += 1
        outcome.processes_killed += stack.kill(rng)
        return
    urls = _started(stack, outcome)
    stop = threading.Event()
    trading = threading.Thread(target=outcome.users.trade, args=(urls["functions"], stop))
    trading.start()
    _let_happen(outcome.users, rng.randint(1, 40))
    time.sleep(rng.uniform(0, 0.1))
    outcome.processes_killed += stack.kill(rng)
    stop.set()
    trading.join()


def _let_happen(users: Users, requests: int) -> None:
    """Wait until so many requests more were sent, on a machine of whatever speed."""
    until = users.sent + requests
    deadline = time.monotonic() + _LONGEST_LIFE_SECONDS
    while users.sent < until and time.monotonic() < deadline:
        time.sleep(0.002)


def _started(stack: KillableStack, outcome: Outcome) -> dict[str, str]:
    began = time.monotonic()
    stack.start()
    urls = stack.wait_until_ready()
    outcome.starts_seconds.append(time.monotonic() - began)
    return urls
