"""What must hold at every moment: what a step sends to the broker is what its facts allow."""

from collections.abc import Iterator
from dataclasses import dataclass

from functions.orders.broker_facts import SHARED_FOR
from infra.simulator.market import timestamps
from tests.faults.proof.account_steps import BY_HAND
from tests.faults.proof.steps import AtOnce, Step
from tests.faults.proof.world import World


@dataclass(frozen=True)
class BrokerState:
    """How it stands before a step: what the broker has, and what could not be told."""

    placed: frozenset[str]
    unsure: dict[str, str]
    spoilt_quotes: int

    @classmethod
    def of(cls, world: World) -> "BrokerState":
        """Look."""
        rows = world.rows(
            "SELECT client_order_id, firebase_uid FROM trade_orders"
            " WHERE status = 'submitting' AND outcome_unknown_at IS NOT NULL"
        )
        unsure = {row["client_order_id"]: row["firebase_uid"] for row in rows}
        return cls(frozenset(_placed(world)), unsure, _spoilt(world))


def violations(before: BrokerState, step: Step, world: World) -> Iterator[str]:
    """Name what was placed in a step and should not have been.

    A request that was on its way before arrives by nobody's decision of now.
    """
    placed = _placed(world) - before.placed - world.arrived_late
    new = {order for order in placed if not order.startswith(BY_HAND)}
    if not new:
        return
    owners = _owners(world)
    for scope, known in world.halted.items():
        for order in new - known:
            if scope in ("*", owners.get(order)):
                yield f"sent_while_halted: {order} was placed while {scope} was halted"
    if blocked := new & _placed_while_blocked(world):
        yield f"sent_while_blocked: {blocked} were placed while the account was blocked"
    if not isinstance(step, AtOnce) and _spoilt(world) > before.spoilt_quotes:
        yield f"sent_on_no_price: {new} were placed though the quote was stale or empty"
    yield from _while_unsure(before, BrokerState.of(world), new, owners)


def _while_unsure(
    before: BrokerState, after: BrokerState, new: set[str], owners: dict[str, str]
) -> Iterator[str]:
    """Name what was sent for a user while nobody knew what became of another order of theirs."""
    lasting = before.unsure.keys() & after.unsure.keys()
    for order in new - before.unsure.keys():
        if any(before.unsure[other] == owners.get(order) for other in lasting):
            yield f"sent_while_unsure: {order} was placed while another order's outcome is unknown"


def _placed(world: World) -> set[str]:
    return {order.client_order_id for order in world.simulator.ledger.orders()}


def _placed_while_blocked(world: World) -> set[str]:
    """Name what was placed after orders in flight may have shared what the account was before."""
    if not world.simulator.switches.account_blocked:
        return set()
    known_by = timestamps.from_datetime(world.switched_at["account_blocked"] + SHARED_FOR)
    return {
        order.client_order_id
        for order in world.simulator.ledger.orders()
        if order.created_at > known_by
    }


def _owners(world: World) -> dict[str, str]:
    rows = world.rows("SELECT client_order_id, firebase_uid FROM trade_orders")
    return {row["client_order_id"]: row["firebase_uid"] for row in rows}


def _spoilt(world: World) -> int:
    faults = world.simulator.faults
    return faults.injected("stale_quote") + faults.injected("empty_quote")
