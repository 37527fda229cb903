"""`countersign demo --replay`: a recorded session, minute by minute, through the real functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.market import NEW_YORK
from common.messages import QuestionCreated
from infra.local import report
from infra.local.app_backend import AppBackend
from infra.local.driver import Driver
from infra.local.narrator import Narrator
from infra.local.report import Report
from infra.local.stack import Stack, User, local_stack
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.recording import Recording

USER = "demo-user"
MINUTE = timedelta(minutes=1)
# When the last push of the day is due, half an hour after a full session's close.
PUSH_AFTER_CLOSE = timedelta(minutes=30)


def replay(
    folder: Path,
    recordings: Sequence[Path],
    config: Mapping[str, Any],
    answer: Decimal,
    narrator: Narrator,
) -> Report:
    """Replay the last file's regular session; every question is answered one minute later."""
    recording = Recording.read(recordings)
    session = recording.last_session
    narrator.step("Start", f"replaying {session.date} for a user of your config")
    with (
        SimulatedBroker(SimulatedClock(session.open), recording=recording) as simulator,
        local_stack(
            folder, simulator, AppBackend(), [User(USER, None, config)], keep=False
        ) as stack,
    ):
        return Replay(stack, Driver(stack), narrator, answer).run(session.open, session.close)


@dataclass
class Replay:
    """One session, as fast as the functions go."""

    stack: Stack
    driver: Driver
    narrator: Narrator
    answer: Decimal
    _print: int = field(default=0, init=False)

    def run(self, opens: datetime, closes: datetime) -> Report:
        """Live through the session, then push the day's snapshot."""
        minutes = int((closes - opens) / MINUTE)
        with self.narrator.progress() as progress:
            task = progress.add_task("Replay", total=minutes)
            for minute in range(1, minutes + 1):
                self.minute(opens + minute * MINUTE)
                progress.advance(task)
        self.stack.simulator.clock.set(closes + PUSH_AFTER_CLOSE)
        self.driver.reconcile()
        reply = self.driver.push_snapshot()
        self.narrator.step(
            "Snapshot", f"{reply['date']}: {reply['body_bytes']} bytes, {reply['status']}"
        )
        return report.read(self.stack, report.common_checks(self.stack))

    def minute(self, now: datetime) -> None:
        """Do what one minute brings: answers that are due, and the scheduler's jobs."""
        due = self.stack.app.questions[self._print :]
        self.stack.simulator.clock.set(now)
        for question in due:
            self.reply(question)
        self.driver.ingest()
        self.driver.reconcile()
        self.driver.relay()

    def reply(self, question: QuestionCreated) -> None:
        """Answer a question of the minute before."""
        self._print += 1
        reply = self.driver.answer(question, self.answer)
        at = question.asked_at.astimezone(NEW_YORK)
        self.narrator.step("Question", f"{at:%H:%M} {question.question_text}")
        self.narrator.step("Answer", f"{self.answer:+}: {reply['decision']}")
        for update in self.stack.app.updates[-1:] if reply["order_id"] else []:
            why = f" ({update.denial_code})" if update.denial_code else ""
            self.narrator.step(
                "Order", f"${update.notional_usd} {update.symbol}: {update.status}{why}"
            )
