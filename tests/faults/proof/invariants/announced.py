"""Every change is told, and no message is lost on its way."""

import itertools
from collections.abc import Iterator

from common.messages import OrderApproved, TradeUpdate
from common.orders.status import APPROVED, SUBMITTING, TERMINAL
from infra.local.stack import FUNCTION_SUBSCRIPTIONS
from tests.faults.proof.evidence import Evidence


def nothing_is_left_to_say(evidence: Evidence) -> Iterator[str]:
    """The outbox is empty, and what was published was accepted."""
    for row in evidence.world.rows("SELECT topic FROM outbox WHERE published_at IS NULL"):
        yield f"a message to {row['topic']} was never published"
    open_orders = {str(row["id"]) for row in evidence.orders if row["status"] not in TERMINAL}
    for message in evidence.world.topics.on(*FUNCTION_SUBSCRIPTIONS):
        if not message.acked and not any(each.encode() in message.data for each in open_orders):
            yield f"message {message.id} to {message.topic} was never accepted"


def every_change_was_announced(evidence: Evidence) -> Iterator[str]:
    """Every question and order was announced, and the last update of an order is how it stands."""
    for row in evidence.world.rows("SELECT question_id FROM confirmations"):
        if row["question_id"] not in evidence.questions:
            yield f"question {row['question_id']} never reached the app"
    received = [
        OrderApproved.from_json(m.data) for m in evidence.world.topics.on("orders-approved")
    ]
    approved = {each.order_id for each in received}
    for row in evidence.orders:
        if row["id"] not in approved:
            yield f"order {row['id']} was never announced"
        updates = evidence.updates.get(row["id"], [])
        last = updates[-1] if updates else None
        announced = (last.status, last.filled_qty) if last else (None, 0)
        is_news = row["status"] not in {APPROVED, SUBMITTING}
        if is_news and announced != (row["status"], row["filled_qty"]):
            yield f"order {row['id']} is {row['status']} and was last announced as {announced[0]}"
        yield from _out_of_order(updates)


def no_message_was_given_up(evidence: Evidence) -> Iterator[str]:
    """Only what no retry can help is among the dead letters, and all of that is."""
    kept = evidence.world.rows("SELECT consumer, payload, error FROM dead_letters")
    for row in kept:
        if row["payload"] not in evidence.ledger.poison:
            yield f"{row['consumer']} gave up a good message: {row['error']}"


def _out_of_order(updates: list[TradeUpdate]) -> Iterator[str]:
    """Nothing follows an end, and what is filled stays filled."""
    for before, after in itertools.pairwise(updates):
        if before.status in TERMINAL:
            yield f"order {after.order_id}: {after.status} was announced after {before.status}"
        if after.filled_qty < before.filled_qty:
            yield f"order {after.order_id}: less was filled later"
