"""No secret in a log or a reply, and no error that nobody meant."""

from collections.abc import Iterator

from infra.simulator.ledger import audit
from tests.faults.proof.evidence import Evidence


def the_books_agree_with_themselves(evidence: Evidence) -> Iterator[str]:
    """What everything is held against can be relied upon."""
    yield from audit.problems(evidence.world.simulator.ledger)


def no_secret_and_no_bug(evidence: Evidence) -> Iterator[str]:
    """What was logged and replied is harmless."""
    yield from dict.fromkeys(evidence.world.captured_logs.problems)
