"""Who is connected to the streams, and what they are told."""

import threading
from collections import deque
from collections.abc import Sequence

from infra.simulator.ledger.orders import OrderChange
from infra.simulator.state import BrokerState
from infra.simulator.streams.session import Event, Session

_TICK = 0.02  # seconds between two looks at a clock that runs


class Hub:
    """Offers every event to every session, in a thread of its own.

    While somebody is connected the market moves without being asked: with the clock that runs, and
    after each change of an order, as if somebody had looked.
    """

    def __init__(self, broker: BrokerState) -> None:
        self._broker = broker
        self._sessions: dict[Session, None] = {}
        self._events: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        broker.ledger.on_change(self._heard)
        broker.clock.on_change(self._wake)

    def start(self) -> None:
        """Begin to tell events."""
        self._thread.start()

    def close(self) -> None:
        """Tell nothing more."""
        with self._changed:
            self._closed = True
            sessions = [*self._sessions]
            self._changed.notify_all()
        for session in sessions:
            session.outbox.finish()
        self._thread.join()
        with self._broker.lock:
            self._broker.feed.follow(None)

    def join(self, session: Session) -> None:
        """Offer events to a session from now on."""
        with self._broker.lock, self._changed:
            if not self._sessions:
                self._broker.feed.follow(self._heard)
            self._sessions[session] = None
            self._changed.notify_all()

    def admit(self, session: Session) -> bool:
        """Authenticate a session, unless its path has as many as are allowed."""
        limit = self._broker.switches.stream_connection_limit
        with self._changed:
            others = [each for each in self._sessions if each.path == session.path]
            if sum(each.authenticated for each in others) >= limit:
                return False
            session.authenticated = True
            return True

    def leave(self, session: Session) -> None:
        """Forget a session; the feed is not followed for nobody."""
        with self._broker.lock, self._changed:
            self._sessions.pop(session, None)
            if not self._sessions:
                self._broker.feed.follow(None)

    def _heard(self, events: Sequence[Event]) -> None:
        with self._changed:
            if self._sessions:
                self._events.extend(events)
                self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        while (taken := self._next()) is not None:
            events, sessions = taken
            for session in sessions:
                session.offer(events)
            if self._broker.clock.speed or any(isinstance(each, OrderChange) for each in events):
                self._broker.work()

    def _next(self) -> tuple[list[Event], list[Session]] | None:
        """Wait for events, or for the time of the next look; None at the end."""
        with self._changed:
            while not (self._events or self._closed):
                runs = self._sessions and self._broker.clock.speed
                if not self._changed.wait(_TICK if runs else None) and runs:
                    break
            if self._closed:
                return None
            events = [*self._events]
            self._events.clear()
            return events, [*self._sessions]
