"""The request budget of each API: 200 in a simulated minute."""

import threading
from collections import Counter

from infra.simulator.market.clock import SimulatedClock

LIMIT = 200


class RateBudget:
    """Counts requests per API and minute of the simulated clock."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._minute, self._used = 0, Counter[str]()

    def spend(self, api: str) -> int:
        """Count a request and return how many are left; -1 when there was none."""
        with self._lock:
            minute = self._now()
            if minute != self._minute:
                self._minute, self._used = minute, Counter()
            self._used[api] += 1
            return max(LIMIT - self._used[api], -1)

    def used(self, api: str) -> int:
        """How many requests were made since the minute began."""
        with self._lock:
            return self._used[api] if self._now() == self._minute else 0

    @property
    def reset_at(self) -> int:
        """When the budget is full again, in unix seconds of the simulated time."""
        return (self._now() + 1) * 60

    def _now(self) -> int:
        return int(self._clock.now().timestamp()) // 60
