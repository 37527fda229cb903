"""HTTP webhook from the app backend: bind an answer to its question, once."""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

import flask
import functions_framework

from common.questions import Answer, AnswerRefusal, Decision, follow_up_text, settle
from common.server_limits import ServerLimits
from functions import edge, wiring
from functions.callers import limit_unauthenticated, rate_limited
from infra.auth import webhook_signature
from infra.postgres.database import Transaction
from infra.postgres.trading import confirmations, orders
from infra.postgres.trading.confirmations import QuestionState
from infra.postgres.users import configs
from infra.runtime import log_context
from infra.workflows import follow_ups

log = logging.getLogger(__name__)

UNKNOWN_QUESTION = "unknown_question"
_REFUSED: dict[AnswerRefusal, tuple[str, int]] = {
    AnswerRefusal.WRONG_USER: ("this question was asked to another user", 403),
    AnswerRefusal.CONTRADICTION: ("this question was answered differently before", 409),
    AnswerRefusal.EXPIRED: ("this question has expired", 410),
    AnswerRefusal.WITHDRAWN: (
        "this question was withdrawn: its rule or its user is switched off",
        410,
    ),
}


@functions_framework.http
@edge.http_errors
@edge.post_only
def answer(request: flask.Request) -> edge.Reply:
    """Receive a user's answer: verify, parse, decide, store, announce, reply."""
    app = wiring.current()
    body = request.get_data()
    secret = app.secrets.reveal("answer_webhook_secret")
    with limit_unauthenticated(app, request):
        webhook_signature.verify(body, dict(request.headers), secret)
    received = Answer.from_json(body)
    caller = rate_limited(app, f"answers of {received.firebase_uid}")
    with caller:
        return settled(app, received)


def settled(app: wiring.Wiring, received: Answer) -> tuple[dict[str, Any], int]:
    """Decide, store, announce and reply, whichever way the answer came."""
    with log_context.bound(flow_id=received.question_id):
        with app.database.transaction() as tx:
            limits = app.settings.server_limits
            reply, status = take_answer(tx, received, limits, app.clock.now())
        app.relay.publish_committed_of(received.firebase_uid)
        # A follow-up begins a flow of its own: this line says from which it came.
        log.info("answered: %d", status, extra={"event": "answered", "status": status, **reply})
    return reply, status


def take_answer(
    tx: Transaction, received: Answer, limits: ServerLimits, now: datetime
) -> tuple[dict[str, Any], int]:
    """Decide under the question's lock; a yes becomes an approved order in the same transaction."""
    question = confirmations.lock(tx, received.question_id)
    if question is None:
        return edge.error(UNKNOWN_QUESTION, "there is no such question", 404)
    decision = settle(question.confirmation, received, now)
    if isinstance(decision, AnswerRefusal):
        message, status = _REFUSED[decision]
        return edge.error(decision.value, message, status)
    order_id, follow_up_id = None, None
    if question.confirmation.decision is not None:  # a repeat gets the same reply
        order_id = orders.of_question(tx, received.question_id)
        follow_up_id = confirmations.follow_up_of(tx, received.question_id)
    else:
        confirmations.decide(tx, received, decision, now)
        if decision is Decision.APPROVE:
            order_id = orders.approve(tx, question, now)
        if decision is Decision.AMBIGUOUS and not question.is_follow_up:
            follow_up_id = _ask_again(tx, question, limits, now)
    return {
        "question_id": str(received.question_id),
        "decision": decision.value,
        "order_id": str(order_id) if order_id else None,
        "follow_up_question_id": str(follow_up_id) if follow_up_id else None,
    }, 200


def _ask_again(
    tx: Transaction, question: QuestionState, limits: ServerLimits, now: datetime
) -> UUID | None:
    uid = question.confirmation.firebase_uid
    config = configs.of_user(tx, uid, limits.stock_feed)
    return follow_ups.ask(tx, question, follow_up_text(question.text), config, limits, now)
