"""Questions: what waits for a yes or a no, and what became of the ones before."""

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx
from werkzeug.exceptions import BadRequest, NotFound

from common.bounds import is_ordinary
from common.errors import TransientError
from common.questions import Terms, consequence
from functions.pages.rendering import Reply, chart, page
from functions.pages.requests import Call
from infra.postgres.console import prices, questions
from infra.postgres.database import Row, Transaction
from infra.postgres.trading import confirmations
from infra.runtime.tls import tls_context

_PENDING = 10
_SETTLED = 20
_BEFORE = timedelta(hours=6)
_SECONDS = 30
_DECIDED = {
    "approve": "Yes: the order is on its way, past the guardrails.",
    "reject": "No: nothing will be ordered.",
    "ambiguous": "Neither yes nor no: you are asked once more.",
}


def show(call: Call, notice: str = "") -> Reply:
    """Show the questions that wait, as cards, and the settled ones below."""
    with call.app.database.transaction() as tx:
        pending = [_card(tx, row) for row in questions.pending(tx, call.now, _PENDING)]
        settled = questions.settled(tx, call.now, _SETTLED)
    return page(call, "questions", notice=notice, pending=pending, settled=settled)


def answer(call: Call, question_id: UUID) -> Reply:
    """Answer in the user's name: the local app backend signs and sends it, as a real one does."""
    if not call.is_local:
        raise NotFound("Only its own user can answer a question.")
    value = _swipe(call.field("answer") or call.field("slid"))
    with call.app.database.transaction() as tx:
        asked = confirmations.read(tx, question_id)
    if asked is None:
        raise NotFound("There is no such question.")
    return show(call, _sent(call, question_id, asked.confirmation.firebase_uid, value))


def _card(tx: Transaction, row: Row) -> dict[str, Any]:
    """Put beside a question what a person needs to decide: prices until it was asked, and terms."""
    terms = Terms.from_document(row["terms"])
    points = prices.series(tx, terms.symbol, row["asked_at"] - _BEFORE, row["asked_at"])
    return {
        **row,
        "terms": terms,
        "consequence": consequence(terms),
        "chart": chart(
            f"{terms.symbol} until the question was asked",
            [(each["as_of"], each["price"]) for each in points],
            line=terms.price and float(terms.price),
            reference=terms.reference and float(terms.reference),
        ),
    }


def _swipe(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise BadRequest("An answer is a number from -10 to +10.") from error
    if not (is_ordinary(value) and -10 <= value <= 10):  # noqa: PLR2004 (the range of a swipe)
        raise BadRequest("An answer is a number from -10 to +10.")
    return value


def _sent(call: Call, question_id: UUID, uid: str, value: Decimal) -> str:
    """Send the answer; say what was decided, or why it was not taken."""
    document = {
        "question_id": str(question_id),
        "firebase_uid": uid,
        "answer": str(value),
        "answered_at": call.now.isoformat(),
    }
    url = f"{call.app.settings.app_backend_url}/answers"
    try:
        with httpx.Client(verify=tls_context(), timeout=_SECONDS, trust_env=False) as client:
            reply = client.post(url, json=document)
    except httpx.HTTPError as error:
        raise TransientError(f"the local app backend does not answer: {error}") from error
    found = reply.json()
    if reply.status_code != HTTPStatus.OK:
        return f"Not taken: {found.get('error', {}).get('message', reply.status_code)}"
    return _DECIDED[found["decision"]]
