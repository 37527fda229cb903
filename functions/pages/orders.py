"""Orders: what became of each, which guardrail said what, and its whole trace."""

from datetime import datetime
from typing import Any
from uuid import UUID

from werkzeug.exceptions import NotFound

from common.guardrails import GUARDRAILS
from functions.pages.rendering import Reply, download, page
from functions.pages.requests import Call
from infra.postgres.console import orders
from infra.postgres.database import Row
from infra.postgres.trading import traces
from infra.workflows import receipts

_SHOWN = 50
# Where a guardrail's name alone would be no sentence.
_CHECKS = tuple(check.__name__.replace("_", " ") for check in GUARDRAILS)


def show(call: Call) -> Reply:
    """Show the orders that changed last."""
    with call.app.database.transaction() as tx:
        found = orders.recent(tx, _SHOWN)
    return page(call, "orders", orders=found)


def show_one(call: Call, order_id: UUID) -> Reply:
    """Show one order's way, from what its rule saw to the trade it made."""
    with call.app.database.transaction() as tx:
        uid = traces.owner_of(tx, order_id)
        trace = traces.read(tx, uid, order_id) if uid else None
    if trace is None:
        raise NotFound("There is no such order.")
    return page(
        call,
        "order",
        uid=uid,
        trace=trace,
        order=trace["order"],
        timeline=_timeline(trace),
        verdict=trace["guardrails"],
        checks=_CHECKS,
        has_receipts=call.app.settings.has_receipts,
    )


def receipt(call: Call, order_id: UUID) -> Reply:
    """Return an order's receipt as a file; raises NotFound."""
    with call.app.database.transaction() as tx:
        found = receipts.of_any_user(tx, order_id, call.now)
    if found is None:
        raise NotFound("There is no such order.")
    signed = call.app.receipt_signer.sign(found.to_canonical())
    return download(f"receipt-{order_id}.jws", signed, "application/jose")


def _timeline(trace: dict[str, Any]) -> list[tuple[datetime, str, str]]:
    """Return the steps of the order's way that have happened: when, what, and its numbers."""
    fired, question, answer = trace["opportunity"], trace["question"], trace["answer"]
    guard, broker = trace["guardrails"], trace["broker_order"]
    steps: list[tuple[datetime | None, str, str]] = [
        (fired["as_of"], "Market seen", f"{fired['symbol']} at ${fired['price']}"),
        (fired["fired_at"], f"Rule {trace['rule']['id']} fired", _move(fired)),
    ]
    if question:
        steps.append((question["asked_at"], "Question asked", question["text"]))
    if answer:
        meaning = f"{answer['value']:+f} means {answer['decision']}"
        steps.append((answer["decided_at"], "Answered", meaning))
    steps.append((guard["reserved_at"], "Guardrails passed", f"${guard['reserved_usd']} reserved"))
    if broker:
        steps.append((broker["submitted_at"], "Sent to the broker", broker["client_order_id"]))
    steps += [
        (fill["filled_at"], "Filled", f"{fill['qty']} at ${fill['price']}")
        for fill in trace["fills"]
    ]
    return [(at, what, detail) for at, what, detail in steps if at is not None]


def _move(fired: Row) -> str:
    if fired["pct"] is None:
        return f"at ${fired['price']}"
    return f"{fired['pct']:+.2f} % from ${fired['reference']}"
