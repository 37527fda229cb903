"""One fault that waits for its requests or orders, and when it is due."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.simulator.faults.fault_kinds import KINDS, Kind
from infra.simulator.ledger.orders import Order

_HELD_QUOTES = ("snapshot", "quotes")


@dataclass
class FaultSchedule:
    """When a fault is due: after so many matches, in a time, and then by chance."""

    after: int = 0
    since: datetime | None = None
    until: datetime | None = None
    probability: float = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.after < 0 or not 0 < self.probability <= 1:
            raise ValueError("after must be 0 or more, probability above 0 and at most 1")
        self._random = random.Random(self.seed)  # noqa: S311 (repeatable, not secret)

    def is_due(self, now: datetime) -> bool:
        """Whether this match is hit; each one asked about counts."""
        if (self.since and now < self.since) or self.is_over(now):
            return False
        if self.after:
            self.after -= 1
            return False
        return self.probability >= 1 or self._random.random() < self.probability

    def is_over(self, now: datetime) -> bool:
        """Whether nothing will be hit any more."""
        return self.until is not None and now >= self.until


@dataclass(eq=False)
class Fault:
    """One kind of trouble for the next `times` matching requests or orders that are due."""

    kind: str
    times: int
    method: str | None
    path: str
    schedule: FaultSchedule
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def traits(self) -> Kind:
        """What is true of all faults of this kind."""
        return KINDS[self.kind]

    def matches(self, method: str, path: str) -> bool:
        """Whether it hits this request."""
        if self.method not in (None, method) or not path.startswith(self.path):
            return False
        if self.traits.group == "quote":
            return any(part in path for part in _HELD_QUOTES)
        return self.traits.group != "list" or path == self.path

    def concerns(self, order: Order) -> bool:
        """Whether it hits this order: its symbol, side, and how its client's id begins."""
        wanted = self.parameters
        if self.kind == "partial_fill" and not order.can_be_parted:
            return False
        return (
            wanted.get("symbol") in (None, order.symbol)
            and wanted.get("side") in (None, order.side)
            and order.client_order_id.startswith(wanted.get("client_order_id", ""))
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as it was added, with what is left of `times` and `after`."""
        schedule = {
            "after": self.schedule.after,
            "since": self.schedule.since and self.schedule.since.isoformat(),
            "until": self.schedule.until and self.schedule.until.isoformat(),
            "probability": self.schedule.probability,
            "seed": self.schedule.seed,
        }
        where = {"method": self.method, "path": self.path}
        return {"kind": self.kind, "times": self.times, **where, **schedule, **self.parameters}
