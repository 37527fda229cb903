"""Takes what a stream of stocks tells into the buffer, and by REST what it could not tell."""

import logging
import threading
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from common.market import Snapshot
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.stream.client import Event
from infra.alpaca.stream.facts import stream_facts
from infra.runtime.clock import Clock
from infra.workflows.stream.buffer import StreamBuffer

log = logging.getLogger(__name__)

# A minute's bar comes when the minute is over, and its correction half a minute later.
_LATE_BARS = timedelta(minutes=2)


class StreamIngest:
    """Hears a stream (a StreamListener); `fill_gaps` is called by whoever stores.

    A gap begins a little before the newest fact that came before the connection broke, by the
    exchange's time: what was on its way is lost, however late it was. Nothing is read of the time
    before a symbol was first followed, which is for `ingest`.
    """

    def __init__(
        self, feed: str, market_data: AlpacaMarketData, buffer: StreamBuffer, clock: Clock
    ) -> None:
        self._feed, self._buffer, self._clock = feed, buffer, clock
        self._spot = market_data.spot(feed)
        self._lock = threading.Lock()
        self._followed: set[str] = set()
        self._heard_at, self._broken_at = clock.now(), clock.now()
        self._is_broken = False
        self._gaps: dict[str, datetime] = {}
        self._traded_at: dict[str, datetime] = {}

    def received(self, events: Sequence[Event]) -> None:
        """Keep the facts among the events; what cannot be read costs itself alone."""
        facts = []
        for found in stream_facts(self._feed, events, self._traded_at):
            if isinstance(found, Snapshot):
                facts.append(found)
            else:
                log.warning("streamed %s: %s", found.subject, found.reason)
        self._buffer.add(facts)
        self._buffer.count(len(events))
        with self._lock:
            self._heard_at = max([self._heard_at, *(fact.as_of for fact in facts)])

    def subscribed(self, symbols: Collection[str]) -> None:
        """Remember since when nothing was heard of those that were followed before."""
        with self._lock:
            for symbol in self._followed & {*symbols}:
                self._gaps.setdefault(symbol, self._broken_at)
            self._followed |= {*symbols}
            if self._is_broken:
                self._buffer.count_reconnect()
            self._is_broken = False

    def keep_only(self, symbols: Collection[str]) -> None:
        """Forget the others: of what is no longer followed nothing is missed."""
        with self._lock:
            self._followed &= {*symbols}

    def interrupted(self, reason: str) -> None:  # noqa: ARG002 (the stream logs it)
        """Remember what was last heard before the first of several interruptions."""
        with self._lock:
            if not self._is_broken:
                self._is_broken = True
                self._broken_at = min(self._heard_at, self._clock.now()) - _LATE_BARS

    def fill_gaps(self) -> None:
        """Read the minutes of the gaps and the newest trades.

        Raises TransientError or BrokerRefusedError, with the gaps kept.
        """
        with self._lock:
            gaps = dict(self._gaps)
        for start in sorted(set(gaps.values())):
            symbols = sorted(symbol for symbol, since in gaps.items() if since == start)
            minutes = self._spot.minute_bars(symbols, start, self._clock.now())
            trades = self._spot.latest_trades(symbols)
            for issue in (*minutes.problems, *trades.problems):
                log.warning("gap of %s: %s", issue.subject, issue.reason)
            self._buffer.add((*minutes.found, *trades.found))
            with self._lock:
                for symbol in symbols:
                    if self._gaps.get(symbol) == start:
                        del self._gaps[symbol]
