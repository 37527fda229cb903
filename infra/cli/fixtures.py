"""`countersign fixtures`: the market of test mode, where no broker is."""

from pathlib import Path

import click

from infra.cli.connections import open_clients
from infra.cli.documents import read_document, shown
from infra.cli.options import FILE, examples
from infra.fixtures.document import fixtures_of
from infra.postgres.market import fixtures as market_fixtures
from infra.runtime.clock import SystemClock


@click.group()
def fixtures() -> None:
    """Load or show the prices that QUESTION_PIPELINE_TEST_MODE trades at."""


@fixtures.command("load", epilog=examples("countersign fixtures load market.json"))
@click.argument("file", type=FILE)
def load(*, file: Path) -> None:
    r"""Make FILE (JSON) the whole market.

    \b
    {"SPY": {"price": 492, "prev_close": 500, "volume": 1000000}}
    """
    found = fixtures_of(read_document(file))
    with open_clients().database.transaction() as tx:
        market_fixtures.replace(tx, found, SystemClock().now())
    click.echo(f"loaded {len(found)} fixtures: {', '.join(each.symbol for each in found)}")


@fixtures.command("show", epilog=examples("countersign fixtures show > market.json"))
def show() -> None:
    """Print the market as a file that `load` takes."""
    with open_clients().database.transaction() as tx:
        found = market_fixtures.list_all(tx)
    prices = ("price", "prev_close", "volume")
    click.echo(shown({f.symbol: {name: getattr(f, name) for name in prices} for f in found}))
