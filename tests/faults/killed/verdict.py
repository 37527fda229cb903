"""After the last kill: all delivered, time passed, our orders compared with the broker's."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx

from common.orders.status import TERMINAL
from infra.postgres.database import Database, Row, connector

# Minutes: lost messages are announced again, questions run out, what never arrived is given up.
_PAUSES = (0, 0, 1, 3, 3, 20, 15)
_DELIVERY_SECONDS = 600


@dataclass
class Verdict:
    """What the users were promised, and what came of it."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def problems(self) -> list[str]:
        """Everything that must not be."""
        return [*self.lost, *self.doubled, *self.wrong]


def judge(urls: dict[str, str], approved: dict[UUID, str]) -> Verdict:
    """Let the stack come to rest, then compare."""
    database = Database(connector(urls["database"]), size=1)
    try:
        with httpx.Client(timeout=60, trust_env=False) as client:
            _settle(client, urls, database)
            placed: list[dict[str, Any]] = client.get(f"{urls['broker']}/sim/orders").json()
        return _compare(_orders(database), placed, approved)
    finally:
        database.close()


def _settle(client: httpx.Client, urls: dict[str, str], database: Database) -> None:
    for minutes in _PAUSES:
        if minutes:
            clock = {"advance_seconds": minutes * 60}
            client.put(f"{urls['broker']}/sim/clock", json=clock).raise_for_status()
        for function in ("relay_outbox", "reconcile_orders", "relay_outbox"):
            client.post(f"{urls['functions']}/{function}").raise_for_status()
        _wait_for_deliveries(database)


def _wait_for_deliveries(database: Database) -> None:
    """Give the bus time for what waits for its next attempt."""
    deadline = time.monotonic() + _DELIVERY_SECONDS
    while time.monotonic() < deadline:
        if all(row["status"] in TERMINAL for row in _orders(database)):
            return
        time.sleep(0.2)


def _orders(database: Database) -> list[Row]:
    with database.transaction() as tx:
        return tx.rows(
            """
            SELECT o.id, o.question_id, o.client_order_id, o.status, o.filled_qty,
                   coalesce((SELECT sum(qty) FROM fills f WHERE f.order_id = o.id), 0) AS booked
            FROM trade_orders o ORDER BY o.created_at
            """
        )


def _compare(orders: list[Row], placed: list[dict[str, Any]], approved: dict[UUID, str]) -> Verdict:
    ours = {row["client_order_id"]: row for row in orders}
    theirs = {each["client_order_id"]: each for each in placed}
    counted = Counter(each["client_order_id"] for each in placed)
    return Verdict(
        lost=[*_lost(orders, approved), *_unfinished(orders, theirs)],
        doubled=[f"{name} is {count} orders" for name, count in counted.items() if count > 1],
        wrong=[
            *(f"nobody knows the order {name}" for name in theirs.keys() - ours.keys()),
            *_different(ours, theirs),
        ],
        statuses=Counter(row["status"] for row in orders),
    )


def _lost(orders: list[Row], approved: dict[UUID, str]) -> Iterator[str]:
    by_question = {row["question_id"]: str(row["id"]) for row in orders}
    for question, order_id in approved.items():
        if by_question.get(question) != order_id:
            yield f"the yes to {question} has no order"


def _unfinished(orders: list[Row], theirs: dict[str, dict[str, Any]]) -> Iterator[str]:
    for row in orders:
        if row["status"] not in TERMINAL:
            yield f"order {row['id']} is still {row['status']}"
        elif row["status"] == "filled" and row["client_order_id"] not in theirs:
            yield f"order {row['id']} is filled, and the broker does not have it"


def _different(ours: dict[str, Row], theirs: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name in ours.keys() & theirs.keys():
        row, placed = ours[name], theirs[name]
        filled = Decimal(placed["filled_qty"])
        if row["status"] != placed["status"] or row["filled_qty"] != filled:
            yield f"{name} is {row['status']} with us and {placed['status']} at the broker"
        if row["booked"] != filled:
            yield f"{name}: {row['booked']} booked of {filled}"
