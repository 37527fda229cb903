"""The app's part, played locally: receives questions and trade updates, sends signed answers."""

import base64
import json
import threading
import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import flask
import httpx
from standardwebhooks import Webhook

from common.messages import QuestionCreated, TradeUpdate
from infra.local import stack_file
from infra.postgres.database import Database, connector
from infra.postgres.trading import confirmations
from infra.runtime.clock import SystemClock
from infra.runtime.tls import tls_context


class AppBackend:
    """What the app backend receives, in order, each message once however often it is delivered."""

    def __init__(
        self,
        on_question: Callable[[QuestionCreated], None] = lambda _: None,
        on_update: Callable[[TradeUpdate], None] = lambda _: None,
    ) -> None:
        self._on_question = on_question
        self._on_update = on_update
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self.questions: list[QuestionCreated] = []
        self.updates: list[TradeUpdate] = []
        self.app = flask.Flask(__name__)
        self.app.add_url_rule("/questions-created", view_func=self._question, methods=["POST"])
        self.app.add_url_rule("/trade-updates", view_func=self._update, methods=["POST"])

    def _question(self) -> tuple[str, int]:
        if (payload := self._new_payload()) is not None:
            question = QuestionCreated.from_json(payload)
            self.questions.append(question)
            self._on_question(question)
        return "", 204

    def _update(self) -> tuple[str, int]:
        if (payload := self._new_payload()) is not None:
            update = TradeUpdate.from_json(payload)
            self.updates.append(update)
            self._on_update(update)
        return "", 204

    def _new_payload(self) -> bytes | None:
        """Return the message's bytes, or None when it was delivered before."""
        message = flask.request.get_json()["message"]
        key = message["attributes"]["message_id"]
        with self._lock:
            if key in self._seen:
                return None
            self._seen.add(key)
        return base64.b64decode(message["data"])


def send_answer(
    functions: httpx.Client,
    secret: str,
    question_id: str,
    firebase_uid: str,
    answer: Decimal,
    at: datetime,
) -> httpx.Response:
    """Sign and post an answer as the app backend does (docs/messages.md, Answering)."""
    document: dict[str, Any] = {
        "question_id": question_id,
        "firebase_uid": firebase_uid,
        "answer": int(answer) if answer == int(answer) else float(answer),
        "answered_at": at.isoformat(),
    }
    body = json.dumps(document)
    return functions.post("/answer", content=body, headers=signed_headers(secret, body))


def answer_running_stack(folder: Path, question_id: UUID, answer: Decimal) -> tuple[int, str]:
    """Answer a question of the stack that `countersign dev` runs; return status and reply."""
    stack = stack_file.read(folder)
    database = Database(connector(stack["database_url"]), size=1)
    with database.transaction() as tx:
        question_state = confirmations.read(tx, question_id)
    database.close()
    uid = question_state.confirmation.firebase_uid if question_state else "nobody"
    secret = stack["answer_webhook_secret"]
    with httpx.Client(
        verify=tls_context(), base_url=stack["functions"], trust_env=False
    ) as functions:
        reply = send_answer(functions, secret, str(question_id), uid, answer, SystemClock().now())
    return reply.status_code, reply.text


def signed_headers(secret: str, body: str) -> dict[str, str]:
    """Return the headers of a Standard Webhook, stamped with this machine's time."""
    message_id, now = f"msg_{uuid.uuid4().hex}", SystemClock().now()
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body),
    }
