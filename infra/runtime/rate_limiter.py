"""How much one caller may ask of this process: so much a minute, and so much at once."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

_MINUTE = 60.0
# Whoever was not seen for longest is forgotten first, unless they are being served.
MOST_CALLERS = 10_000


@dataclass
class _Caller:
    """What a caller may still ask now, as of an instant; a full minute's worth at first."""

    left: float
    at: float
    inside: int = 0
    waiting: int = 0


class RateLimiter:
    """Counts the requests of each caller. Safe to share between threads.

    `wait_seconds` is how long a caller waits for their own earlier requests to end. As many may
    wait as may be inside: whoever waits keeps a thread from the others.
    """

    def __init__(self, per_minute: int, at_once: int, wait_seconds: float = 1.0) -> None:
        self._per_minute = per_minute
        self._at_once = at_once
        self._wait = wait_seconds
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._changed = threading.Condition()

    def enter(self, name: str, at: float) -> float:
        """Let a caller in and return 0, or return in how many seconds they may ask again.

        `at` is in seconds of a clock that never goes back. Who was let in must `leave`.
        """
        with self._changed:
            caller = self._caller(name, at)
            if caller.left < 1:
                return (1 - caller.left) * _MINUTE / self._per_minute
            if not self._has_room(caller):
                return self._wait
            caller.left -= 1
            caller.inside += 1
            return 0.0

    def leave(self, name: str) -> None:
        """Count a caller's request as done."""
        with self._changed:
            self._callers[name].inside -= 1
            self._changed.notify_all()

    def waiting(self, name: str) -> int:
        """Return how many of a caller's requests wait for their earlier ones."""
        with self._changed:
            caller = self._callers.get(name)
            return caller.waiting if caller else 0

    def _has_room(self, caller: _Caller) -> bool:
        """Wait until one more of the caller's fits in, if it may wait."""
        if caller.waiting >= self._at_once:
            return caller.inside < self._at_once
        caller.waiting += 1
        try:
            return self._changed.wait_for(lambda: caller.inside < self._at_once, self._wait)
        finally:
            caller.waiting -= 1

    def _caller(self, name: str, at: float) -> _Caller:
        caller = self._callers.setdefault(name, _Caller(self._per_minute, at))
        self._callers.move_to_end(name)
        gained = (at - caller.at) * self._per_minute / _MINUTE
        caller.left = min(caller.left + gained, self._per_minute)
        caller.at = at
        if len(self._callers) > MOST_CALLERS:
            callers = self._callers.items()
            idle = (each for each, found in callers if not found.inside + found.waiting)
            if (oldest := next(idle)) != name:
                del self._callers[oldest]
        return caller
