"""Nothing lost, and unknown is not failed."""

from collections.abc import Iterator

from common.orders.status import DENIED, TERMINAL
from tests.faults.proof.evidence import Evidence


def every_yes_has_its_order(evidence: Evidence) -> Iterator[str]:
    """Whoever was told that their yes counts has an order."""
    by_question = {str(row["question_id"]): str(row["id"]) for row in evidence.orders}
    for answer in evidence.ledger.answers:
        if answer.approved:
            order_id = by_question.get(str(answer.question_id))
            if order_id is None or order_id != answer.body["order_id"]:
                yield f"the yes to {answer.question_id} has no order"


def every_order_ended_or_is_reported(evidence: Evidence) -> Iterator[str]:
    """An order is over, or an operator is told that it is not."""
    for row in evidence.orders:
        if row["status"] not in TERMINAL and str(row["id"]) not in evidence.reported_stuck:
            yield f"order {row['id']} is {row['status']}, and nobody is told"


def every_end_is_the_brokers(evidence: Evidence) -> Iterator[str]:
    """Where the broker has an order, its word counts; where we gave one up, it has none."""
    for row in evidence.orders:
        placed = evidence.placed.get(row["client_order_id"])
        if placed is None:
            if row["filled_qty"] or row["alpaca_order_id"]:
                yield f"order {row['id']} has a broker's order that the broker does not have"
        elif (row["status"], row["filled_qty"]) != (str(placed.status), placed.filled_qty):
            ours, theirs = f"{row['status']} ({row['filled_qty']})", str(placed.status)
            yield f"order {row['id']} is {ours}, {theirs} ({placed.filled_qty}) at the broker"
        elif row["alpaca_order_id"] != placed.id:
            yield f"order {row['id']} does not know the broker's id"


def every_end_has_a_reason(evidence: Evidence) -> Iterator[str]:
    """A denial has its code; what the broker never had, and so cannot explain, says why."""
    for row in evidence.orders:
        is_denied = row["status"] == DENIED
        if is_denied != (row["denial_code"] is not None):
            yield f"order {row['id']} is {row['status']} with the code {row['denial_code']}"
        never_there = row["client_order_id"] not in evidence.placed and row["status"] in TERMINAL
        if never_there and not row["reason"]:
            yield f"order {row['id']} is {row['status']} without a reason"
