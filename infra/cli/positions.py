"""`countersign positions …`: where the broker holds other units than our users, and what to do."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from common.errors import PermanentError
from common.holdings.drift import Drift
from infra.cli.connections import open_clients
from infra.cli.documents import shown
from infra.cli.options import AS_JSON, examples, operator
from infra.postgres.database import Transaction
from infra.postgres.trading import adjustments, differences
from infra.workflows.position_resolution import Resolution
from infra.workflows.position_resolution import resolve as book


@click.group()
def positions() -> None:
    """See and resolve positions that differ from the broker's (POSITION_DRIFT)."""


@positions.command("list", epilog=examples("countersign positions list"))
@AS_JSON
def list_differences(*, as_json: bool) -> None:
    """List what the last reconciliation could not explain, and who holds the symbol."""
    with open_clients().database.transaction() as tx:
        manual = differences.manual_holdings(tx)
        found = [_found(tx, drift, manual) for drift in differences.unexplained(tx)]
    if as_json:
        click.echo(shown(found))
        return
    for each in found:
        click.echo(f"{each['symbol']}: {each['ours']} with us, {each['brokers']} at the broker")
        for owned in each["holders"]:
            click.echo(f"    {owned['firebase_uid']}: {owned['qty']}")
        if each["held_by_hand"]:
            click.echo(f"    held by hand, beside our users: {each['held_by_hand']}")
    if not found:
        click.echo("no position differs from the broker's")


def _found(tx: Transaction, drift: Drift, manual: Mapping[str, Decimal]) -> dict[str, Any]:
    """Return a difference with whoever holds the symbol."""
    holders = [
        {"firebase_uid": owned.firebase_uid, "qty": owned.trade.qty}
        for owned in adjustments.open_trades(tx, drift.symbol)
    ]
    held_by_hand = manual.get(drift.symbol, Decimal(0))
    return vars(drift) | {"holders": holders, "held_by_hand": held_by_hand}


@positions.command(
    epilog=examples(
        'countersign positions resolve SPY --sold alice=2 --price 492.10 --why "sold by phone"',
    )
)
@click.argument("symbol")
@click.option("--sold", metavar="UID=QTY", multiple=True, help="Units of a user, sold by hand.")
@click.option("--price", metavar="USD", help="What a unit brought; else the average of the sales.")
@click.option("--why", required=True, help="How you know: it is written down.")
def resolve(*, symbol: str, sold: tuple[str, ...], price: str | None, why: str) -> None:
    """Say whose units were sold by hand; what the account holds beyond is held by hand."""
    clients = open_clients()
    resolution = Resolution(
        symbol, _units(sold), _positive(price) if price else None, f"{operator()}: {why}"
    )
    by_hand = book(clients.database, clients.trading, resolution, clients.clock.now())
    click.echo(f"{symbol}: resolved; {by_hand} held by hand, beside our users")


def _units(sold: tuple[str, ...]) -> dict[str, Decimal]:
    units: dict[str, Decimal] = {}
    for each in sold:
        uid, _, qty = each.rpartition("=")
        if not uid or uid in units:
            raise PermanentError(f"--sold {each}: say UID=QTY, once for each user")
        units[uid] = _positive(qty)
    return units


def _positive(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and value > 0):
        raise PermanentError(f"{text} is no quantity or price above zero")
    return value
