"""Puts together what follows the broker's streams."""

import logging

from infra.clients import Clients
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

# To the database: for each stream the leader's and one to store over, and the relay's.
CONNECTIONS = 5


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
