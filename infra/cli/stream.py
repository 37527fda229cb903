"""`countersign stream`: the worker that follows the broker's streams."""

import click

from infra.cli.connections import open_clients
from infra.cli.options import examples
from infra.runtime import json_logs
from infra.worker import process, streams


@click.command(epilog=examples("countersign stream"))
def stream() -> None:
    """Follow prices and order updates live, until Ctrl-C (or SIGTERM); logs go to standard error.

    Prices are those of all users' stocks, over one connection of the feed ALPACA_DATA_FEED; what
    does not fit into MAX_STREAM_SYMBOLS is polled. Where the operator's switches let no prices be
    fetched, orders alone are followed. Of several workers one leads, and the others wait to take
    over. Without any, everything is polled.
    """
    clients = open_clients(pool_size=streams.CONNECTIONS)
    json_logs.configure(project=clients.settings.google_cloud_project)
    process.run(streams.workers(clients))
