"""Answers from the console, sent on as the app backend does: signed."""

from datetime import datetime
from decimal import Decimal

import flask
import httpx

from infra.local.app_backend import send_answer
from infra.runtime.tls import tls_context

_SECONDS = 30


def application(functions_url: str, secret: str) -> flask.Flask:
    """Build the server: `POST /answers` signs an answer, and replies with what came of it."""
    app = flask.Flask(__name__)

    @app.post("/answers")
    def answers() -> tuple[str, int, dict[str, str]]:
        given = flask.request.get_json()
        with httpx.Client(
            verify=tls_context(), base_url=functions_url, timeout=_SECONDS, trust_env=False
        ) as functions:
            reply = send_answer(
                functions,
                secret,
                given["question_id"],
                given["firebase_uid"],
                Decimal(given["answer"]),
                datetime.fromisoformat(given["answered_at"]),
            )
        return reply.text, reply.status_code, {"Content-Type": "application/json"}

    return app
