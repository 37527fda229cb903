"""From any order back to what its rule saw, and forward to its trade: by the public route."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from infra.postgres.database import Row
from tests.faults.proof.evidence import Evidence


def every_order_can_be_traced(evidence: Evidence) -> Iterator[str]:
    """The chain of every order is whole."""
    for row in evidence.orders:
        path = f"/orders/{row['id']}/trace"
        reply = evidence.world.account(0, row["firebase_uid"], "GET", path)
        if reply is None or reply.status_code != 200:
            yield f"order {row['id']}: no trace ({reply.status_code if reply else 'crashed'})"
        else:
            missing = _missing(reply.get_json(), row, placed=row["alpaca_order_id"] is not None)
            yield from (f"the trace of order {row['id']} has no {part}" for part in missing)


def _missing(trace: dict[str, Any], row: Row, *, placed: bool) -> Iterator[str]:
    wanted = ["order", "snapshots", "opportunity", "rule", "guardrails"]
    wanted += ["question", "answer"] if row["question_id"] else []
    wanted += ["broker_order"] if placed else []
    wanted += ["fills", "trades"] if row["filled_qty"] else []
    yield from (part for part in wanted if not trace[part])
    filled = sum((Decimal(fill["qty"]) for fill in trace["fills"]), Decimal(0))
    if filled != row["filled_qty"]:
        yield f"whole fill: {filled} of {row['filled_qty']}"
