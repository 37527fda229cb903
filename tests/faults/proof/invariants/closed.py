"""Fail closed: no order to a market that does not trade."""

from collections.abc import Iterator

from infra.simulator.market.symbols import is_crypto
from infra.simulator.market.timestamps import to_datetime
from tests.faults.proof.evidence import Evidence
from tests.faults.proof.invariants.consent import CALL


def no_order_outside_the_session(evidence: Evidence) -> Iterator[str]:
    """Stocks are ordered in the exchange's session only."""
    calendar = evidence.world.simulator.calendar
    for order in evidence.at_broker:
        at = to_datetime(order.created_at)
        is_open = calendar.at(at) or calendar.at(at - CALL)
        if not is_crypto(order.symbol) and not is_open:
            yield f"{order.client_order_id} was placed at {at}, when the market was closed"
