"""Countersigned, and once."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from infra.postgres.database import Row
from infra.simulator.ledger.orders import Order as BrokersOrder
from infra.simulator.market.timestamps import to_datetime
from tests.faults.proof.evidence import Evidence
from tests.faults.proof.ledger import Answered
from tests.faults.proof.users import USERS

# A call judges by the time at which it began; within a race the clock moves by seconds.
CALL = timedelta(seconds=10)

_STATUSES = {200, 403, 409, 410}


def every_order_was_countersigned_in_time(evidence: Evidence) -> Iterator[str]:
    """An order at the broker was approved by its own user before the question expired."""
    for placed in evidence.at_broker:
        row = evidence.by_client_id.get(placed.client_order_id)
        if row is None:
            yield f"order {placed.client_order_id} at the broker is none of ours"
        elif row["question_id"] is None:
            if USERS[row["firebase_uid"]].asks:
                yield f"{placed.client_order_id}: {row['firebase_uid']} was never asked"
        else:
            yield from _consent_of(evidence, row, placed)


def every_reply_was_right(evidence: Evidence) -> Iterator[str]:
    """A late or stranger's answer is refused, and the first decision stands."""
    decisions: dict[object, str] = {}
    for answer in evidence.ledger.answers:
        question = evidence.questions[answer.question_id]
        if answer.status is None or answer.status >= 500:
            continue
        if answer.status not in _STATUSES:
            yield f"an answer was replied to with {answer.status}"
        if answer.status != 200:
            continue
        if answer.uid != question.firebase_uid:
            yield f"{answer.uid} decided a question of {question.firebase_uid}"
        first = decisions.setdefault(answer.question_id, answer.body["decision"])
        if first != answer.body["decision"]:
            yield f"question {answer.question_id} was decided twice"
    yield from _decided_late(evidence)


def one_question_is_one_order(evidence: Evidence) -> Iterator[str]:
    """One question, at most one order: at the broker and with us."""
    placed = Counter(order.client_order_id for order in evidence.at_broker)
    asked = Counter(row["question_id"] for row in evidence.orders if row["question_id"])
    for name, count in (*placed.items(), *asked.items()):
        if count > 1:
            yield f"{name} has {count} orders"


def _consent_of(evidence: Evidence, row: Row, placed: BrokersOrder) -> Iterator[str]:
    question = evidence.questions.get(row["question_id"])
    if question is None:
        yield f"{placed.client_order_id}: the app never heard of its question"
        return
    yes = [each for each in _answers(evidence, row) if each.may_approve]
    if not any(each.at <= question.expires_at for each in yes):
        yield f"{placed.client_order_id} was not approved by {row['firebase_uid']} in time"
    if _at(placed) > question.expires_at + CALL:
        yield f"{placed.client_order_id} was placed at {_at(placed)}, after its question expired"


def _decided_late(evidence: Evidence) -> Iterator[str]:
    """Only who was told a yes in time is told it again later."""
    for answer in evidence.ledger.answers:
        question = evidence.questions[answer.question_id]
        earlier = [
            each
            for each in evidence.ledger.answers
            if each.question_id == answer.question_id and each.at <= question.expires_at
        ]
        if answer.approved and not any(each.may_approve for each in earlier):
            yield f"question {answer.question_id} was approved after it had expired"


def _answers(evidence: Evidence, row: Row) -> list[Answered]:
    return [
        each
        for each in evidence.ledger.answers
        if each.question_id == row["question_id"] and each.uid == row["firebase_uid"]
    ]


def _at(placed: BrokersOrder) -> datetime:
    return to_datetime(placed.created_at)
