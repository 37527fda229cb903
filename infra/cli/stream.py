"""`countersign stream`: the worker that follows the broker's stream of stock data."""

import logging
import signal
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
from infra.workflows.stream.store import StreamStore
from infra.workflows.stream.symbols import StreamSymbols
from infra.workflows.stream.worker import StreamWorker

log = logging.getLogger(__name__)

_CONNECTIONS = 3  # the leader's, one to store over, and the relay's


@click.command(epilog=examples("countersign stream"))
def stream() -> None:
    """Follow all users' stocks live, until Ctrl-C (or SIGTERM); logs go to standard error.

    One connection to the broker, of the feed ALPACA_DATA_FEED; what does not fit into
    MAX_STREAM_SYMBOLS is polled. Of several workers one leads, and the others wait to take over.
    Without any, everything is polled.
    """
    clients = open_clients(pool_size=_CONNECTIONS)
    json_logs.configure(project=clients.settings.google_cloud_project)
    _run(_worker(clients))


def _worker(clients: Clients) -> StreamWorker:
    """Put the worker together; raises SettingsError where nothing can be streamed."""
    settings, clock = clients.settings, clients.clock
    if settings.question_pipeline_test_mode:
        raise SettingsError("QUESTION_PIPELINE_TEST_MODE has no broker, and so no stream")
    if not clients.ingests:
        raise SettingsError("TRADING_ENABLED or TRADING_WORKER_INGEST_ENABLED is off")
    buffer = StreamBuffer()
    ingest = StreamIngest(settings.alpaca_data_feed, clients.market_data, buffer, clock)
    return StreamWorker(
        clients.database,
        lambda: clients.stock_stream(ingest),
        ingest,
        StreamStore(clients.database, buffer, clock),
        Relay(clients.database, clients.publisher, clock),
        StreamSymbols(clients.database, settings.server_limits, clock).current,
        clock,
    )


def _run(worker: StreamWorker) -> None:
    """Run the worker until it fails or a signal comes; what waits is stored first."""
    ended = SimpleQueue[None]()  # a signal may come while it is waited for
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.put(None))
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(worker.run)
        running.add_done_callback(lambda _: ended.put(None))
        ended.get()
        log.info("stopping", extra={"event": "stream_stopping"})
        worker.close()
    running.result()
