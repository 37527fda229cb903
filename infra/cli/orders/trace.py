"""`countersign trace ORDER_ID`: an order back to what its rule saw, and forward to its KPIs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click
from rich.console import Console
from rich.tree import Tree

from common.errors import PermanentError
from common.wire import to_wire
from infra.cli.connections import open_clients
from infra.cli.options import AS_JSON, examples
from infra.postgres.trading import traces
from infra.runtime.printable import printable

# The chain in the order in which it happened: how a part reads, and what it means when it is empty.
_CHAIN = (
    (
        "snapshots",
        "Snapshot",
        "{id}: {symbol} {metric} {price} ({feed}) as of {as_of}{correction}",
        "pruned",
    ),
    ("opportunity", "Opportunity", "{symbol} at {price}, {pct} % from {reference}, {fired_at}", ""),
    ("rule", "Rule", "{id} ({type}), config version {config_hash}", ""),
    ("question", "Question", "{text} Asked {asked_at}, until {expires_at}", "its rule asks none"),
    ("answer", "Answer", "{value}: {decision}, {decided_at}", "none"),
    ("guardrails", "Guardrails", "{verdict}", ""),
    ("broker_order", "Broker order", "{id}: {status}, {submitted_at}", "none that is known of"),
    ("fills", "Fill", "{qty} at {price}, {filled_at}", "none"),
    ("trades", "Trade", "{id}: {qty_of_order} of it; {qty} held, realized {realized_pnl}", "none"),
    ("kpis", "KPI", "{kpi} of {report_date}: {push_result}", "none"),
)


@click.command(epilog=examples("countersign trace 4a824e0a-b9cc-44f8-a486-ae61d131e9ec"))
@click.argument("order_id", type=click.UUID)
@AS_JSON
def trace(*, order_id: Any, as_json: bool) -> None:
    """Show the whole chain of an order (in the database of DATABASE_URL)."""
    with open_clients().database.transaction() as tx:
        owner = traces.owner_of(tx, order_id)
        found = traces.read(tx, owner, order_id) if owner else None
    if owner is None or found is None:
        raise PermanentError(f"there is no order {order_id}")
    chain = to_wire(found)
    if as_json:
        click.echo(json.dumps(chain, indent=2))
    else:
        Console(highlight=False, markup=False).print(_tree(owner, chain))


def _tree(owner: str, chain: Mapping[str, Any]) -> Tree:
    order = chain["order"]
    size = f"${order['notional_usd']} of" if order["notional_usd"] else order["qty"]
    what = f"{order['side']} {size} {order['symbol']}: {order['status']}"
    tree = Tree(printable(f"Order {order['id']} of {owner}: {what}"), guide_style="dim")
    shown = {
        **chain,
        "snapshots": [fact | {"correction": _correction(fact)} for fact in chain["snapshots"]],
        "guardrails": {"verdict": _verdict(chain["guardrails"])},
    }
    for line in _lines(shown):
        tree.add(printable(line))
    return tree


def _lines(chain: Mapping[str, Any]) -> Iterator[str]:
    for name, title, template, empty in _CHAIN:
        parts = chain[name] if isinstance(chain[name], list) else [chain[name]]
        sentences = [template.format(**part) for part in parts if part]
        yield from (f"{title:<13}{each}" for each in sentences or [empty])


def _correction(fact: Mapping[str, Any]) -> str:
    if fact["corrected_at"] is None:
        return ""
    return f", corrected to {fact['corrected_price']} {fact['corrected_at']}"


def _verdict(guardrails: Mapping[str, Any]) -> str:
    """Say whether they let the order pass: what was reserved for it, or the numbers of a denial."""
    if guardrails["verdict"] == "denied":
        numbers = " ".join(f"{name}={value}" for name, value in guardrails["numbers"].items())
        return f"denied, {guardrails['denial_code']} {numbers}"
    if guardrails["verdict"] == "passed":
        return f"passed, ${guardrails['reserved_usd']} reserved {guardrails['reserved_at']}"
    return "not judged"
