"""Stores what a stream brings, batch by batch, as `ingest` stores what it fetches."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from common.errors import OutcomeUnknownError, TransientError
from common.market import Snapshot
from common.messages import SnapshotsIngested
from infra.postgres.database import Database
from infra.postgres.market import market_data, stream_counts
from infra.postgres.market.stream_counts import StreamCounts
from infra.postgres.messages import outbox
from infra.postgres.users.set_aside_rows import SetAsideRow
from infra.runtime.clock import Clock
from infra.workflows import isolation
from infra.workflows.stream.buffer import StreamBuffer
from infra.workflows.stream.cursors import stream_key

log = logging.getLogger(__name__)

_MARKING = timedelta(seconds=10)


class StreamStore:
    """Takes what is due from a buffer; what cannot be stored now waits there again."""

    def __init__(self, database: Database, buffer: StreamBuffer, clock: Clock) -> None:
        self._database, self._buffer, self._clock = database, buffer, clock
        self._set_aside = False
        self._logged = self._counted = StreamCounts()
        self._counted_at = clock.now()
        self._marked_at: dict[str, datetime] = {}

    def store_due(self, *, all_of_them: bool = False) -> int:
        """Store one batch and announce it in the same transaction; return how many were new.

        Raises TransientError or OutcomeUnknownError, with nothing lost. A fact that can never be
        stored is set aside.
        """
        now = self._clock.now()
        facts = self._buffer.take(now, all_of_them=all_of_them)
        new: list[int] = []

        def keep(some: Sequence[Snapshot]) -> None:
            with self._database.transaction() as tx:
                stored = market_data.store(tx, some, now)
                marks = self._due_marks(some, now)
                market_data.mark_fetched(tx, marks, now)
                if stored:
                    news = SnapshotsIngested(ingested_at=now, stored=stored)
                    outbox.add(tx, news, "snapshots", now)
            new.append(stored)
            self._marked_at |= dict.fromkeys(marks, now)

        try:
            failed = [
                SetAsideRow(f"{fact.metric} of {fact.symbol} at {fact.as_of.isoformat()}", reason)
                for fact, reason in isolation.isolated(facts, keep)
            ]
        except (TransientError, OutcomeUnknownError):
            # What was stored after all is not stored twice: a fact's key is its time.
            self._buffer.put_back(facts)
            raise
        if failed or self._set_aside:
            self._set_aside = bool(failed)
            with self._database.transaction() as tx:
                isolation.set_aside(tx, "streamed fact", failed, now)
        if facts:
            self._log(facts, sum(new))
        return sum(new)

    def count_due(self, *, at_once: bool = False) -> None:
        """Store several times a minute what the stream brought, for the console.

        Raises TransientError or OutcomeUnknownError; what is counted then waits for the next time.
        """
        now, counts = self._clock.now(), self._buffer.counts
        if not at_once and now - self._counted_at < _MARKING:
            return
        seconds = (now - self._counted_at).total_seconds()
        with self._database.transaction() as tx:
            stream_counts.add(tx, counts.since(self._counted), seconds, now)
        self._counted, self._counted_at = counts, now

    def _due_marks(self, facts: Sequence[Snapshot], now: datetime) -> list[str]:
        """Return the cursors to move, each some times a minute: `ingest` looks once a minute."""
        keys = {stream_key(fact) for fact in facts}
        return [k for k in keys if (at := self._marked_at.get(k)) is None or now - at >= _MARKING]

    def _log(self, facts: Sequence[Snapshot], stored: int) -> None:
        """Log the line that metrics read; counts are since the line before.

        The lag is that of the batch's oldest trade, from the exchange's time to the commit.
        """
        now = self._clock.now()
        oldest = min((fact.as_of for fact in facts if fact.metric == "last_trade"), default=now)
        counts = self._buffer.counts
        new, self._logged = counts.since(self._logged), counts
        log.info(
            "%d streamed facts, %d of them new",
            len(facts),
            stored,
            extra={
                "event": "stream_stored",
                "lag_seconds": max(0.0, (now - oldest).total_seconds()),
                "facts": len(facts),
                "stored": stored,
                "messages": new.messages,
                "dropped": new.dropped,
            },
        )
