"""`countersign trace ORDER_ID`: an order back to what its rule saw, and forward to its trade."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import click
from rich.console import Console
from rich.tree import Tree

from common.errors import PermanentError
from common.wire import to_wire
from infra.cli.operated import operated
from infra.postgres import traces

# The chain in the order in which it happened, and what an empty part means.
_CHAIN = (
    ("snapshots", "Snapshot", "pruned"),
    ("opportunity", "Opportunity", "–"),  # noqa: RUF001 (a dash, for people)
    ("rule", "Rule and config version", "–"),  # noqa: RUF001
    ("question", "Question", "its rule does not ask"),
    ("answer", "Answer", "not answered"),
    ("guardrails", "Guardrails", "–"),  # noqa: RUF001
    ("broker_order", "Broker order", "never sent, or not known to have arrived"),
    ("fills", "Fill", "none"),
    ("trades", "Trade", "none"),
)


@click.command()
@click.argument("order_id", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, as the account API's.")
def trace(*, order_id: UUID, as_json: bool) -> None:
    """Show the whole chain of an order (in the database of DATABASE_URL)."""
    with operated()[1].transaction() as tx:
        owner = traces.owner_of(tx, order_id)
        found = traces.read(tx, owner, order_id) if owner else None
    if owner is None or found is None:
        raise PermanentError(f"there is no order {order_id}")
    chain = to_wire(found)
    if as_json:
        click.echo(json.dumps(chain, indent=2))
    else:
        Console(highlight=False, markup=False, soft_wrap=True).print(_tree(owner, chain))


def _tree(owner: str, chain: Mapping[str, Any]) -> Tree:
    order = chain["order"]
    size = f"${order['notional_usd']} of" if order["notional_usd"] else order["qty"]
    what = f"{order['side']} {size} {order['symbol']}: {order['status']}"
    tree = Tree(f"Order {order['id']} of {owner}: {what}", guide_style="dim")
    for name, title, empty in _CHAIN:
        parts = chain[name] if isinstance(chain[name], list) else [chain[name]]
        for part in filter(None, parts):
            branch = tree.add(title)
            for line in _lines(part):
                branch.add(line)
        if not any(parts):
            tree.add(f"{title}: {empty}")
    return tree


def _lines(part: Mapping[str, Any]) -> Iterator[str]:
    """Say each thing that is known, one a line."""
    for name, value in part.items():
        if value is not None and value != {}:
            shown = json.dumps(value) if isinstance(value, dict | list) else value
            yield f"{name.replace('_', ' ')}: {shown}"
