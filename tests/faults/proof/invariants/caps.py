"""Caps, by what the broker's records say was placed when."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from common.market import trading_day
from infra.simulator.ledger.orders import Order as BrokersOrder
from infra.simulator.market.timestamps import to_datetime
from tests.faults.proof.evidence import Evidence
from tests.faults.proof.invariants.consent import CALL
from tests.faults.proof.users import USERS, ProofUser

_WINDOW = timedelta(hours=4) - CALL


def orders_per_day(evidence: Evidence) -> Iterator[str]:
    """At no instant has a user placed more orders on a trading day than they allow."""
    for person in USERS.values():
        placed = _placed_by(evidence, person)
        for order in placed:
            now = _at(order)
            day = {trading_day(now), trading_day(now - CALL)}
            taken = [
                each for each in placed if trading_day(_at(each)) in day and _counts(each, now)
            ]
            if len(taken) > person.orders_per_day * len(day):
                yield f"{person.uid} placed {len(taken)} orders on {trading_day(now)}"


def notional_per_window(evidence: Evidence) -> Iterator[str]:
    """At no instant have a user's orders of the last four hours cost more than they allow."""
    for person in USERS.values():
        placed = _placed_by(evidence, person)
        for order in placed:
            now = _at(order)
            recent = [each for each in placed if _at(each) > now - _WINDOW and _counts(each, now)]
            cost = sum((_cost(evidence, each) for each in recent), Decimal(0))
            if cost > person.usd_per_4h:
                yield f"{person.uid} placed {cost} USD in the four hours before {now}"


def everything_was_reserved(evidence: Evidence) -> Iterator[str]:
    """What the broker has was reserved before, for as much as it may cost."""
    for placed in evidence.at_broker:
        row = evidence.by_client_id.get(placed.client_order_id)
        if row is None or row["reserved_usd"] is None:
            yield f"{placed.client_order_id} was placed without a reservation"
        elif placed.notional is not None and row["reserved_usd"] < placed.notional:
            yield f"{placed.client_order_id} costs more than was reserved"
        elif row["reserved_at"] > _at(placed) + CALL:
            yield f"{placed.client_order_id} was reserved after it was placed"


def _placed_by(evidence: Evidence, person: ProofUser) -> list[BrokersOrder]:
    rows = evidence.by_client_id
    return [
        order
        for order in evidence.at_broker
        if rows.get(order.client_order_id, {}).get("firebase_uid") == person.uid
    ]


def _counts(order: BrokersOrder, now: datetime) -> bool:
    """Tell whether an order had taken its slot at an instant, and not yet given it back."""
    rejected = order.status == "rejected" and order.failed_at is not None
    return _at(order) <= now and not (rejected and to_datetime(order.failed_at or 0) < now)


def _cost(evidence: Evidence, order: BrokersOrder) -> Decimal:
    reserved: Decimal = evidence.by_client_id[order.client_order_id]["reserved_usd"] or Decimal(0)
    return order.notional or reserved


def _at(order: BrokersOrder) -> datetime:
    return to_datetime(order.created_at)
