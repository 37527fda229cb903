"""What happened in a run, read back from the database, the broker's records and the dashboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from infra.local.stack import Stack
from infra.postgres.database import Row

_OPPORTUNITIES = """
    SELECT rule_id, symbol, price, pct, as_of, fired_at FROM opportunities ORDER BY fired_at, id
"""
_QUESTIONS = """
    SELECT q.question_text AS text, c.answer,
           CASE WHEN c.status <> 'pending' THEN c.status END AS decision
    FROM confirmations c JOIN questions q ON q.id = c.question_id ORDER BY c.asked_at, q.id
"""
_ORDERS = """
    SELECT client_order_id, symbol, side, notional_usd, status, denial_code
    FROM trade_orders ORDER BY created_at, id
"""


@dataclass(frozen=True)
class Check:
    """One thing that must be true at the end: what was expected, and what was seen."""

    name: str
    expected: object
    seen: object

    @property
    def ok(self) -> bool:
        """Whether it is true."""
        return self.expected == self.seen


@dataclass(frozen=True)
class Report:
    """A run as one JSON object; numbers are JSON numbers, instants RFC 3339 in UTC."""

    opportunities: Sequence[Row]
    questions: Sequence[Row]
    orders: Sequence[Row]
    snapshot: Mapping[str, Any]
    checks: Sequence[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "opportunities": [_plain(row) for row in self.opportunities],
            "questions": [_plain(row) for row in self.questions],
            "orders": [_plain(row) for row in self.orders],
            "snapshot": dict(self.snapshot),
            "checks": [
                {"name": c.name, "expected": c.expected, "seen": c.seen, "ok": c.ok}
                for c in self.checks
            ],
            "ok": self.ok,
        }


def read(stack: Stack, checks: Sequence[Check] = ()) -> Report:
    """Read what the run left behind."""
    with stack.database.transaction() as tx:
        return Report(
            tx.rows(_OPPORTUNITIES), tx.rows(_QUESTIONS), tx.rows(_ORDERS), snapshot(stack), checks
        )


def snapshot(stack: Stack) -> dict[str, Any]:
    """Say what the dashboard made of the last snapshot."""
    if not stack.dashboard.received:
        return {"date": None, "status": None, "signature_verified": False, "body_bytes": 0}
    last = stack.dashboard.received[-1]
    return {
        "date": last.date,
        "status": last.status,
        "signature_verified": last.signature_verified,
        "body_bytes": last.body_bytes,
    }


def common_checks(stack: Stack) -> list[Check]:
    """What must be true after any run: the invariants, against the broker's own records."""
    with stack.database.transaction() as tx:
        sent = tx.rows("SELECT client_order_id FROM trade_orders WHERE alpaca_order_id IS NOT NULL")
        unasked = tx.rows(
            "SELECT o.id FROM trade_orders o JOIN confirmations c USING (question_id)"
            " WHERE c.status <> 'approve' OR c.decided_at > c.expires_at"
        )
        waiting = tx.rows("SELECT id FROM outbox WHERE published_at IS NULL")
        dead = tx.rows("SELECT id FROM dead_letters")
    at_broker = sorted(order.client_order_id for order in stack.simulator.ledger.orders())
    return [
        Check("orders without a yes in time", 0, len(unasked)),
        Check(
            "the broker's orders are ours, each once",
            sorted(r["client_order_id"] for r in sent),
            at_broker,
        ),
        Check("messages left in the outbox", 0, len(waiting)),
        Check("dead letters", 0, len(dead) + len(stack.bus.dead_letters())),
        Check("snapshot's signature verified", True, snapshot(stack)["signature_verified"]),
        Check("dashboard's answer to the snapshot", 200, snapshot(stack)["status"]),
    ]


def _plain(row: Row) -> dict[str, Any]:
    return {key: json_value(value) for key, value in row.items()}


def json_value(value: object) -> object:
    """Write decimals as JSON numbers, instants as RFC 3339 in UTC, anything else as it is."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value
