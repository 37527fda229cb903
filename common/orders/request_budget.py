"""The broker's limit on requests, shared by all instances: orders first, in the order of their yes.

The broker counts requests of a minute. Where its minutes begin is not known, so that no 60 seconds
may hold more than the limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

_Waiting = TypeVar("_Waiting")

MINUTE = timedelta(minutes=1)
# Trading requests a minute, until a response says otherwise.
DEFAULT_LIMIT = 200
# What reconciliation, look-ups and the calendar may need of it.
RESERVED_FOR_OTHERS = 40
# What of it the look-ups of one reconciliation may use, and as much its cancellations.
KEPT_FOR_EACH = 15


@dataclass(frozen=True)
class RateLimit:
    """What a response reported: requests per minute, how many remain, and until when."""

    per_minute: int
    remaining: int
    resets_at: datetime


@dataclass(frozen=True)
class RequestBudget:
    """What orders may use: `used` are the requests of the last minute by the second, in order."""

    used: Sequence[tuple[datetime, int]]
    reported: RateLimit | None = None

    @property
    def per_minute(self) -> int:
        """How many requests orders may make in any minute; one at least."""
        limit = self.reported.per_minute if self.reported else DEFAULT_LIMIT
        return max(limit - RESERVED_FOR_OTHERS, 1)

    def free(self, now: datetime) -> int:
        """How many may be made at once."""
        spent = sum(count for second, count in self.used if second > now - MINUTE)
        free = self.per_minute - spent
        if self.reported and self.reported.resets_at > now:
            free = min(free, self.reported.remaining)
        return max(free, 0)

    def served_by(self, ahead: int, now: datetime) -> datetime:
        """When a request can be made that waits behind `ahead` others, all of which are made."""
        free = self.free(now)
        spent = [second for second, count in self.used for _ in range(count)]
        back = [second + MINUTE for second in spent if second > now - MINUTE]
        others = self.reported.resets_at if self.reported else now  # what took the rest
        taken = max(self.per_minute - free - len(back), 0)
        slots = sorted([*[now] * free, *[others] * taken, *back])[-self.per_minute :]
        minutes, slot = divmod(ahead, self.per_minute)
        return slots[slot] + MINUTE * minutes

    def beside_orders(self, wanted: int, now: datetime) -> int:
        """How many requests a reconciliation may make for one purpose: half of what is free."""
        return min(wanted, KEPT_FOR_EACH + self.free(now) // 2)


def in_turn(waiting: Sequence[_Waiting], count: int, now: datetime) -> list[_Waiting]:
    """Choose `count` of those that wait, in each minute the next ones."""
    if count >= len(waiting):
        return list(waiting)
    start = int(now.timestamp() // 60) * count % len(waiting)
    return [*waiting, *waiting][start : start + count]
