"""Users who answer what they are asked, and insist until they are heard."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from uuid import UUID

import httpx

from common.messages import QuestionCreated
from infra.local.app_backend import AppBackend, send_answer
from infra.local.stack import WEBHOOK_SECRET
from infra.runtime.clock import SystemClock

_YES, _NO, _UNCLEAR = Decimal(10), Decimal(-10), Decimal(0)
_WAIT_SECONDS = 15


@dataclass
class Users:
    """Their app, and what they know: it survives every kill.

    `approved` are the questions whose yes was acknowledged (200), each with the order it was told.
    """

    app: AppBackend
    rng: Random
    approved: dict[UUID, str] = field(default_factory=dict)
    sent: int = 0
    _decided: dict[UUID, Decimal] = field(default_factory=dict)
    _done: set[UUID] = field(default_factory=set)

    def trade(self, functions_url: str, stop: threading.Event) -> None:
        """Answer, and let ticks come, until told to stop; nobody minds a lost connection."""
        with httpx.Client(base_url=functions_url, timeout=_WAIT_SECONDS, trust_env=False) as client:
            threads = [
                threading.Thread(target=_until, args=(stop, work, client))
                for work in (self._answer, self._answer, self._tick)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def _tick(self, client: httpx.Client) -> None:
        """Call what Cloud Scheduler calls each minute, more often."""
        self.sent += 1
        client.post(f"/{self.rng.choice(('ingest', 'ingest', 'reconcile_orders', 'relay_outbox'))}")

    def _answer(self, client: httpx.Client) -> None:
        """Answer one question, now and then one that was answered already."""
        asked = [each for each in self.app.questions if each.question_id not in self._done]
        if not asked or self.rng.random() < 0.1:
            asked = self.app.questions
        if asked:
            self._send(client, self.rng.choice(asked))

    def _send(self, client: httpx.Client, question: QuestionCreated) -> None:
        value = self._decided.setdefault(
            question.question_id, self.rng.choices((_YES, _NO, _UNCLEAR), (8, 1, 1))[0]
        )
        self.sent += 1
        reply = send_answer(
            client,
            WEBHOOK_SECRET,
            str(question.question_id),
            question.firebase_uid,
            value,
            SystemClock().now(),
        )
        if reply.status_code < 500:
            self._done.add(question.question_id)
        if reply.status_code == 200 and reply.json()["decision"] == "approve":
            self.approved[question.question_id] = reply.json()["order_id"]


def _until(
    stop: threading.Event, work: Callable[[httpx.Client], None], client: httpx.Client
) -> None:
    while not stop.wait(0.01):
        try:
            work(client)
        except httpx.HTTPError:
            stop.wait(0.05)
