"""`countersign stream`: the worker that follows the broker's streams."""

import logging
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import click

from infra.cli.connections import open_clients
from infra.cli.options import examples
from infra.clients import Clients
from infra.runtime import json_logs
from infra.runtime.settings import SettingsError
from infra.workflows.outbox_relay import Relay
from infra.workflows.stream.buffer import StreamBuffer
from infra.workflows.stream.ingest import StreamIngest
from infra.workflows.stream.leader import LeadingWorker
from infra.workflows.stream.order_worker import OrderWorker
from infra.workflows.stream.store import StreamStore
from infra.workflows.stream.symbols import StreamSymbols
from infra.workflows.stream.worker import StreamWorker

log = logging.getLogger(__name__)

_CONNECTIONS = 5  # for each stream the leader's and one to store over, and the relay's


@click.command(epilog=examples("countersign stream"))
def stream() -> None:
    """Follow prices and order updates live, until Ctrl-C (or SIGTERM); logs go to standard error.

    Prices are those of all users' stocks, over one connection of the feed ALPACA_DATA_FEED; what
    does not fit into MAX_STREAM_SYMBOLS is polled. Where the operator's switches let no prices be
    fetched, orders alone are followed. Of several workers one leads, and the others wait to take
    over. Without any, everything is polled.
    """
    clients = open_clients(pool_size=_CONNECTIONS)
    json_logs.configure(project=clients.settings.google_cloud_project)
    _run(workers(clients))


def workers(clients: Clients) -> list[LeadingWorker]:
    """Put the workers together; raises SettingsError where nothing can be streamed."""
    if clients.settings.question_pipeline_test_mode:
        raise SettingsError("QUESTION_PIPELINE_TEST_MODE has no broker, and so no stream")
    relay = Relay(clients.database, clients.publisher, clients.clock)
    orders = order_worker(clients, relay)
    if clients.ingests:
        return [orders, _stock_worker(clients, relay)]
    log.warning("TRADING_ENABLED or TRADING_WORKER_INGEST_ENABLED is off: no prices are streamed")
    return [orders]


def order_worker(clients: Clients, relay: Relay) -> OrderWorker:
    """Put the worker of order updates together; raises SettingsError where there are none."""
    clients.order_stream_url  # noqa: B018 (what is wrong with it is said at once)
    return OrderWorker(
        clients.database,
        clients.order_stream,
        clients.trading,
        relay,
        clients.settings.server_limits,
        clients.clock,
    )


def _stock_worker(clients: Clients, relay: Relay) -> StreamWorker:
    settings, clock = clients.settings, clients.clock
    buffer = StreamBuffer()
    ingest = StreamIngest(settings.alpaca_data_feed, clients.market_data, buffer, clock)
    return StreamWorker(
        clients.database,
        lambda: clients.stock_stream(ingest),
        ingest,
        StreamStore(clients.database, buffer, clock),
        relay,
        StreamSymbols(clients.database, settings.server_limits, clock).current,
        clock,
    )


def _run(workers: Sequence[LeadingWorker]) -> None:
    """Run the workers until one fails or a signal comes; what waits is stored first.

    A worker that fails for good ends them all: what starts the process again shows it.
    """
    ended = SimpleQueue[None]()  # a signal may come while it is waited for
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.put(None))
    with ThreadPoolExecutor(len(workers)) as threads:
        running = [threads.submit(worker.run) for worker in workers]
        for each in running:
            each.add_done_callback(lambda _: ended.put(None))
        ended.get()
        log.info("stopping", extra={"event": "stream_stopping"})
        for worker in workers:
            worker.close()
    for each in running:
        each.result()
