"""The worker that follows the stream of stock data, one over all instances."""

import logging
import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from common.errors import BrokerRefusedError, OutcomeUnknownError, TransientError
from infra.alpaca.stream.client import StockStream
from infra.postgres.database import Database
from infra.runtime.clock import Clock
from infra.workflows.outbox_relay import Relay
from infra.workflows.stream.ingest import StreamIngest
from infra.workflows.stream.leader import LeadingWorker, Stream
from infra.workflows.stream.store import StreamStore

log = logging.getLogger(__name__)

LEADER = "stock stream"

_LOOK_AT_CONFIGS = timedelta(seconds=10)
_LAST_ATTEMPTS, _LAST_PAUSE = 5, 0.5


class StreamWorker(LeadingWorker):
    """Keeps the stream's symbols current, fills gaps, and stores a batch a beat.

    `connect` makes the stream of one leader. `watched` reads which stocks are followed. A batch is
    announced at most once.
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
        super().__init__(LEADER, database, beat)
        self._connect, self._ingest = connect, ingest
        self._store, self._relay, self._watched = store, relay, watched
        self._clock = clock
        self._stream: StockStream | None = None
        self._looked_at: datetime | None = None

    def _open(self) -> Stream:
        self._stream, self._looked_at = self._connect(), None
        return self._stream

    def _step(self) -> None:
        if self._stream:
            self._follow(self._stream)
        self._store_due()

    def _finish(self) -> None:
        """Store what waits; whether a commit came through may take another attempt to know."""
        self._ingest.interrupted("no longer the leader")
        for _ in range(_LAST_ATTEMPTS):
            if self._store_due(all_of_them=True):
                break
            time.sleep(_LAST_PAUSE)

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
        """Store a batch and publish its announcement; return whether nothing of it waits."""
        try:
            if self._store.store_due(all_of_them=all_of_them):
                self._relay.publish_committed()
            self._store.count_due(at_once=all_of_them)
        except (TransientError, OutcomeUnknownError) as error:
            log.warning("streamed facts wait: %s", error)
            return False
        return True
