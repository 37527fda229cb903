"""Streamed facts that wait to be stored: few of them, however many come."""

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from common.market import Snapshot
from infra.postgres.market.stream_counts import StreamCounts

Key = tuple[str, str, str]

# Ended minutes that wait: eleven hours of 30 symbols. The oldest beyond them are lost, and counted.
_MOST_MINUTES = 20_000


class StreamBuffer:
    """Keeps each symbol's newest price, and every minute; safe to use from several threads.

    A price that waits is replaced by the next: a slow database stores fewer of them, and always
    the newest. `spacing` is the least time between two stored prices of a symbol's metric.
    """

    def __init__(
        self, spacing: timedelta = timedelta(seconds=1), most_minutes: int = _MOST_MINUTES
    ) -> None:
        self._spacing, self._most_minutes = spacing, most_minutes
        self._lock = threading.Lock()
        self._newest: dict[Key, Snapshot] = {}
        self._taken_at: dict[Key, datetime] = {}
        self._minutes: dict[tuple[str, datetime], Snapshot] = {}
        self._messages = self._reconnects = self._dropped = 0

    def __len__(self) -> int:
        return len(self._newest) + len(self._minutes)

    def add(self, facts: Iterable[Snapshot]) -> None:
        """Take facts as they come; an older price never replaces a newer one."""
        with self._lock:
            for fact in facts:
                if fact.metric == "minute_bar":
                    self._add_minute(fact)
                    continue
                known = self._newest.get(_key(fact))
                if known is None or known.as_of <= fact.as_of:
                    self._newest[_key(fact)] = fact

    @property
    def counts(self) -> StreamCounts:
        """What the stream brought until now."""
        return StreamCounts(self._messages, self._dropped, self._reconnects)

    def count(self, messages: int) -> None:
        """Count what the stream brought, also what is no fact to be stored."""
        self._messages += messages

    def count_reconnect(self) -> None:
        """Count that the stream is followed again after its connection broke."""
        self._reconnects += 1

    def put_back(self, facts: Iterable[Snapshot]) -> None:
        """Take facts that could not be stored; what came meanwhile is newer."""
        with self._lock:
            for fact in facts:
                if fact.metric == "minute_bar":
                    if (fact.symbol, fact.as_of) not in self._minutes:
                        self._add_minute(fact)
                    continue
                known = self._newest.get(_key(fact))
                if known is None or known.as_of < fact.as_of:
                    self._newest[_key(fact)] = fact

    def take(self, now: datetime, *, all_of_them: bool = False) -> list[Snapshot]:
        """Return what is to be stored now, which no longer waits: at the end, all of it."""
        with self._lock:
            due = {
                key: fact
                for key, fact in self._newest.items()
                if all_of_them or self._is_due(key, now)
            }
            minutes = list(self._minutes.values())
            self._minutes.clear()
            for key in due:
                self._taken_at[key] = now
                del self._newest[key]
        return [*minutes, *due.values()]

    def _add_minute(self, fact: Snapshot) -> None:
        """Keep the latest word on a minute, in the order in which the minutes came."""
        self._minutes[fact.symbol, fact.as_of] = fact
        while len(self._minutes) > self._most_minutes:
            self._minutes.pop(next(iter(self._minutes)))
            self._dropped += 1

    def _is_due(self, key: Key, now: datetime) -> bool:
        taken_at = self._taken_at.get(key)
        return taken_at is None or now - taken_at >= self._spacing


def _key(fact: Snapshot) -> Key:
    return fact.symbol, fact.feed, fact.metric
