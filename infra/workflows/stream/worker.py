"""The worker that follows the stream of stock data, one over all instances."""

import logging
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from common.errors import BrokerRefusedError, OutcomeUnknownError, TransientError
from infra.alpaca.stream.client import StockStream
from infra.postgres.database import Database, DatabaseSession
from infra.runtime.clock import Clock
from infra.workflows.outbox_relay import Relay
from infra.workflows.stream.ingest import StreamIngest
from infra.workflows.stream.store import StreamStore

log = logging.getLogger(__name__)

LEADER = "stock stream"

_LOOK_AT_CONFIGS = timedelta(seconds=10)
_LAST_ATTEMPTS, _LAST_PAUSE = 5, 0.5


class StreamWorker:
    """Leads while no other does: keeps the stream's symbols current, fills gaps, and stores.

    `connect` makes the stream of one leader. `watched` reads which stocks are followed. `beat` is
    the seconds between two batches, each announced at most once, and between two attempts to lead.
    The database must have a connection for the leader and another for its work.
    """

    def __init__(
        self,
        database: Database,
        connect: Callable[[], StockStream],
        ingest: StreamIngest,
        store: StreamStore,
        relay: Relay,
        watched: Callable[[], Collection[str]],
        clock: Clock,
        beat: float = 1.0,
    ) -> None:
        self._database, self._connect, self._ingest = database, connect, ingest
        self._store, self._relay, self._watched = store, relay, watched
        self._clock, self._beat = clock, beat
        self._closing = threading.Event()
        self._looked_at: datetime | None = None

    def run(self) -> None:
        """Lead whenever no other does, until `close`; then store what waits.

        Whose connection to the database is lost leads no longer, and waits like any other. Raises
        BrokerRefusedError where the stream cannot be had.
        """
        while not self._closing.is_set():
            try:
                with self._database.exclusive(LEADER) as session:
                    if session is not None:
                        self._lead(session)
            except (TransientError, OutcomeUnknownError) as error:
                log.warning("not leading the stream: %s", error)
            self._closing.wait(self._beat)
        self._store_the_rest()

    def close(self) -> None:
        """End `run`, once what waits is stored."""
        self._closing.set()

    def _lead(self, session: DatabaseSession) -> None:
        log.info("leading the stream", extra={"event": "stream_leader"})
        stream = self._connect()
        self._looked_at = None
        with ThreadPoolExecutor(1) as threads:
            reading = threads.submit(stream.run)
            try:
                while not reading.done():
                    with session.transaction() as tx:  # the lock is this connection's
                        tx.rows("SELECT 1")
                    self._follow(stream)
                    self._store_due()
                    if self._closing.wait(self._beat):
                        break
            finally:
                stream.close()
                self._ingest.interrupted("no longer the leader")
                self._store_the_rest()  # an attempt to connect may take longer than there is time
        reading.result()

    def _follow(self, stream: StockStream) -> None:
        """Keep the symbols current, and fill gaps; what fails for now is tried at the next beat."""
        try:
            now = self._clock.now()
            if self._looked_at is None or now - self._looked_at >= _LOOK_AT_CONFIGS:
                symbols = self._watched()
                self._ingest.keep_only(symbols)
                stream.follow(symbols)
                self._looked_at = now
            self._ingest.fill_gaps()
        except (TransientError, OutcomeUnknownError, BrokerRefusedError) as error:
            log.warning("stream: %s", error)

    def _store_due(self, *, all_of_them: bool = False) -> bool:
        """Store a batch and publish its announcement; return whether the batch is stored."""
        try:
            if self._store.store_due(all_of_them=all_of_them):
                self._relay.publish_committed()
        except (TransientError, OutcomeUnknownError) as error:
            log.warning("streamed facts wait: %s", error)
            return False
        return True

    def _store_the_rest(self) -> None:
        """Store what waits; whether a commit came through may take another attempt to know."""
        for _ in range(_LAST_ATTEMPTS):
            if self._store_due(all_of_them=True):
                break
            time.sleep(_LAST_PAUSE)
