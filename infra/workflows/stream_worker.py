"""The worker that follows the stream of stock data, one over all instances."""

import logging
import threading
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from common.errors import BrokerRefusedError, OutcomeUnknownError, TransientError
from infra.alpaca.stream import StockStream
from infra.postgres.database import Database, Session
from infra.runtime.clock import Clock
from infra.workflows.outbox_relay import Relay
from infra.workflows.stream_ingest import StreamIngest
from infra.workflows.stream_store import StreamStore

log = logging.getLogger(__name__)

LEADER = "stock stream"

_LOOK_AT_CONFIGS = timedelta(seconds=10)


class StreamWorker:
    """Leads while no other does: keeps the stream's symbols current, fills gaps, and stores.

    `watched` reads which stocks are followed; `beat` is the seconds between two batches, and
    between two attempts to lead.
    """

    def __init__(
        self,
        database: Database,
        stream: StockStream,
        ingest: StreamIngest,
        store: StreamStore,
        relay: Relay,
        watched: Callable[[], Collection[str]],
        clock: Clock,
        beat: float = 1.0,
    ) -> None:
        self._database, self._stream, self._ingest = database, stream, ingest
        self._store, self._relay, self._watched = store, relay, watched
        self._clock, self._beat = clock, beat
        self._closing = threading.Event()
        self._refusal: BrokerRefusedError | None = None
        self._looked_at: datetime | None = None

    def run(self) -> None:
        """Wait until this is the leader, and lead until `close`.

        Raises BrokerRefusedError where the stream cannot be had, and TransientError when the
        leader's connection to the database is lost: another may lead from then on.
        """
        while not self._closing.is_set():
            with self._database.exclusive(LEADER) as session:
                if session is not None:
                    self._lead(session)
                    return
            self._closing.wait(self._beat)

    def close(self) -> None:
        """End `run`, once what waits is stored."""
        self._closing.set()

    def _lead(self, session: Session) -> None:
        log.info("leading the stream", extra={"event": "stream_leader"})
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        try:
            while reader.is_alive() and not self._closing.wait(self._beat):
                with session.transaction() as tx:  # the lock is this connection's
                    tx.rows("SELECT 1")
                self._work(all_of_them=False)
        finally:
            self._stream.close()
            reader.join()
        self._work(all_of_them=True)
        if self._refusal:
            raise self._refusal

    def _read(self) -> None:
        try:
            self._stream.run()
        except BrokerRefusedError as error:
            self._refusal = error

    def _work(self, *, all_of_them: bool) -> None:
        """Do one beat's work; what fails for now is tried at the next."""
        try:
            self._look_at_configs()
            self._ingest.fill_gaps()
        except (TransientError, BrokerRefusedError) as error:
            log.warning("stream: %s", error)
        try:
            if self._store.store_due(all_of_them=all_of_them):
                self._relay.publish_committed()
        except (TransientError, OutcomeUnknownError) as error:
            log.warning("streamed facts wait: %s", error)

    def _look_at_configs(self) -> None:
        now = self._clock.now()
        if self._looked_at is None or now - self._looked_at >= _LOOK_AT_CONFIGS:
            self._stream.follow(self._watched())
            self._looked_at = now
