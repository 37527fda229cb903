"""What must hold whatever happens, each against the simulator's own records."""

from collections.abc import Callable, Iterator

from tests.faults.proof.evidence import Evidence
from tests.faults.proof.invariants import (
    announced,
    caps,
    closed,
    consent,
    log_hygiene,
    money,
    outcome,
    traceable,
)

Invariant = Callable[[Evidence], Iterator[str]]

INVARIANTS: tuple[Invariant, ...] = (
    consent.every_order_was_countersigned_in_time,
    consent.every_reply_was_right,
    consent.one_question_is_one_order,
    caps.orders_per_day,
    caps.notional_per_window,
    caps.everything_was_reserved,
    closed.no_order_outside_the_session,
    outcome.every_yes_has_its_order,
    outcome.every_order_ended_or_is_reported,
    outcome.every_end_is_the_brokers,
    outcome.every_end_has_a_reason,
    announced.nothing_is_left_to_say,
    announced.every_change_was_announced,
    announced.no_message_was_given_up,
    money.fills_are_the_brokers,
    money.positions_are_the_brokers,
    money.nothing_is_short,
    traceable.every_order_can_be_traced,
    log_hygiene.the_books_agree_with_themselves,
    log_hygiene.no_secret_and_no_bug,
)


def violations(evidence: Evidence) -> Iterator[str]:
    """Name everything that does not hold."""
    for invariant in INVARIANTS:
        for found in invariant(evidence):
            yield f"{invariant.__name__}: {found}"
