"""The account API's answers: the webhook's decision, with the user's own token as the proof."""

from uuid import UUID

from werkzeug.exceptions import NotFound

from common.errors import MalformedMessageError
from common.questions import Answer, AnswerRefusal
from functions import edge
from functions.account import requests as asked
from functions.account.requests import Call
from functions.answer import UNKNOWN_QUESTION, settled

# Another's question is not there, as in every other call.
_NOT_THERE = {UNKNOWN_QUESTION, AnswerRefusal.WRONG_USER.value}


def answer_question(call: Call, question_id: UUID) -> edge.Reply:
    """Bind the user's answer to their question, once. Without `answered_at` they say it now."""
    asked.Empty.from_document(call.query)
    body = asked.json_object(call.request.get_data())
    known = {"question_id": question_id, "firebase_uid": call.uid}
    if also := sorted(known.keys() & body.keys()):
        raise MalformedMessageError(*(f"{name}: the path and the token say it" for name in also))
    received = Answer.from_document({"answered_at": call.now} | body | known)
    reply, status = settled(call.app, received)
    if reply.get("error", {}).get("code") in _NOT_THERE:
        raise NotFound("there is no such question of yours")
    return reply, status
