"""Plays the world around the functions, in simulated time: the scheduler, and the user's thumb."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx

from common.errors import TradingError
from common.messages import QuestionCreated
from infra.local.app_backend import send_answer
from infra.local.stack import WEBHOOK_SECRET, Stack

_SETTLE_SECONDS = 60


class RunError(TradingError):
    """A call that had to succeed did not."""


@dataclass(frozen=True)
class Driver:
    """One call each; every call waits until all that it set off has been delivered."""

    stack: Stack

    def ingest(self) -> dict[str, Any]:
        """Tick: market data in, rules evaluated, questions delivered."""
        return self._call("ingest")

    def reconcile(self) -> dict[str, Any]:
        """Tick: statuses, fills and expired questions."""
        return self._call("reconcile_orders")

    def relay(self) -> dict[str, Any]:
        """Tick: whatever is left in the outbox."""
        return self._call("relay_outbox")

    def push_snapshot(self) -> dict[str, Any]:
        """Push the day's KPIs."""
        return self._call("push_snapshot")

    def answer(self, question: QuestionCreated, value: Decimal) -> dict[str, Any]:
        """Swipe: the app backend's signed webhook."""
        reply = send_answer(
            self.stack.client,
            WEBHOOK_SECRET,
            str(question.question_id),
            question.firebase_uid,
            value,
            self.stack.simulator.clock.now(),
        )
        return self._settled("answer", reply)

    def advance(self, by: timedelta) -> None:
        """Let simulated time pass."""
        self.stack.simulator.clock.advance(by)

    def _call(self, function: str) -> dict[str, Any]:
        return self._settled(function, self.stack.call(function))

    def _settled(self, function: str, reply: httpx.Response) -> dict[str, Any]:
        if not reply.is_success:
            raise RunError(f"{function} answered {reply.status_code}: {reply.text[:300]}")
        if not self.stack.bus.drain(_SETTLE_SECONDS):
            raise RunError(f"{function}: its messages were not delivered in {_SETTLE_SECONDS} s")
        body: dict[str, Any] = reply.json()
        return body
