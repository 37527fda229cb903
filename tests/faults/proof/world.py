"""The world of one schedule: database, broker, Pub/Sub, users, and two running instances."""

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
from werkzeug.test import TestResponse

from infra.local.app_backend import signed_headers
from infra.local.stack import FUNCTION_SUBSCRIPTIONS, WEBHOOK_SECRET
from infra.postgres.database import Database, Row
from infra.simulator.broker import SimulatedBroker
from tests.conftest import function
from tests.faults.proof.captured_logs import CapturedLogs
from tests.faults.proof.injected_fault import Crash
from tests.faults.proof.instance import Instance, Parts
from tests.faults.proof.ledger import Answered, Ledger
from tests.faults.proof.topics import Published, Topics
from tests.functions.steps import event

INSTANCES = 2


@dataclass
class World:
    """Everything outside of the functions, and the way to call them.

    Reading goes by `database`, a pool of the proof's own that nothing disturbs. `halted` holds, by
    scope, the orders that the broker had when trading was stopped; `switched_at` when each of the
    broker's switches was turned last.
    """

    parts: Parts
    simulator: SimulatedBroker
    topics: Topics
    database: Database
    captured_logs: CapturedLogs
    tokens: Mapping[str, str]
    instances: list[Instance]
    ledger: Ledger
    fallen: list[Instance] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    halted: dict[str, set[str]] = field(default_factory=dict)
    switched_at: dict[str, datetime] = field(default_factory=dict)
    arrived_late: set[str] = field(default_factory=set)
    reconciled: dict[str, Any] = field(default_factory=dict)

    @property
    def happened(self) -> Counter[tuple[str, ...]]:
        """How often what has happened in this process so far."""
        return self.parts.happened

    def instance(self, number: int) -> Instance:
        """Return a running instance: where one has crashed, the platform starts another."""
        if self.instances[number].dead:
            self.fallen.append(self.instances[number])
            self.instances[number] = Instance(self.parts)
        return self.instances[number]

    def call(self, number: int, name: str, path: str = "/", **request: Any) -> TestResponse | None:
        """Call a function on an instance; None when it crashes over it."""
        try:
            with self.instance(number).serving():
                reply = function(name).open(path, **{"method": "POST", **request})
        except Crash:
            return None
        self.happened["reply", name, str(reply.status_code)] += 1
        self.captured_logs.look(f"reply of {name}", reply.text)
        return reply

    def deliver(self, number: int, message: Published) -> None:
        """Deliver a message to its function; any 2xx is its acknowledgement."""
        headers, body = event(message.data, message.id)
        name = FUNCTION_SUBSCRIPTIONS[message.topic]
        reply = self.call(number, name, data=body, headers=headers)
        message.acked |= reply is not None and reply.status_code < 300

    def answer(self, number: int, question_id: UUID, uid: str, value: Decimal) -> None:
        """Send a signed answer, and remember what its sender gets to know."""
        at = self.simulator.clock.now()
        document = {"question_id": str(question_id), "firebase_uid": uid}
        body = json.dumps(document | {"answer": float(value), "answered_at": at.isoformat()})
        headers = signed_headers(WEBHOOK_SECRET, body)
        reply = self.call(number, "answer", data=body, headers=headers)
        status = reply.status_code if reply else None
        body = reply.get_json() if reply else {}
        self.ledger.answers.append(Answered(question_id, uid, value, at, status, body))

    def reconcile(self, number: int) -> None:
        """Let the scheduler's minute come."""
        reply = self.call(number, "reconcile_orders")
        if reply is not None and reply.status_code == 200:
            self.reconciled = reply.get_json()

    def account(self, number: int, uid: str, method: str, path: str) -> TestResponse | None:
        """Let a user's app call the account API."""
        headers = {"Authorization": f"Bearer {self.tokens[uid]}"}
        path = f"/v1/me/trading{path}"
        return self.call(number, "account_api", path, method=method, headers=headers)

    def move(self, to: datetime) -> None:
        """Let time pass; no request is on its way for as long as that."""
        placed = {order.client_order_id for order in self.simulator.ledger.orders()}
        while self.parts.late:
            with suppress(httpx.HTTPError):  # nobody waits for the reply
                self.parts.broker.handle_request(self.parts.late.pop(0))
        known = {order.client_order_id for order in self.simulator.ledger.orders()}
        self.arrived_late |= known - placed
        self.simulator.clock.set(max(to, self.simulator.clock.now()))

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """Look into the database."""
        with self.database.transaction() as tx:
            return tx.rows(sql, **parameters)

    def place(self, order: Row) -> int:
        """Return where an order stands in the sequence of what was asked and announced.

        Ids are drawn anew each time that a schedule is lived through; this is not.
        """
        named = {str(order["id"]).encode(), str(order["question_id"] or order["id"]).encode()}
        updates = self.topics.messages
        return next(
            (n for n, m in enumerate(updates) if any(i in m.data for i in named)), len(updates)
        )

    def close(self) -> None:
        """End the instances."""
        for instance in self.instances + self.fallen:
            instance.close()
