"""What goes wrong inside a running instance: at which place, how, and after how many passes."""

from dataclasses import dataclass
from typing import Literal


class Crash(BaseException):
    """The process is gone: nothing of it runs any more, no handler and no `finally` either."""


Place = Literal[
    "statement",
    "before_commit",
    "after_commit",
    "before_order",
    "after_order",
    "before_publish",
    "after_publish",
    "before_read",
    "after_read",
]
Kind = Literal["crash", "lost", "serialization", "deadlock", "unreachable", "reply_lost", "late"]

# What can happen where. `lost` is the database's connection, with all that it had not committed;
# `unreachable` and `reply_lost` are requests to the broker and to Pub/Sub; one that is `late` was
# given up by its sender, and arrives all the same.
KINDS: dict[Kind, tuple[Place, ...]] = {
    "crash": (
        "before_commit",
        "after_commit",
        "before_order",
        "after_order",
        "before_publish",
        "after_publish",
        "before_read",
        "after_read",
    ),
    "lost": ("statement", "before_commit", "after_commit"),
    "serialization": ("statement", "before_commit"),
    "deadlock": ("statement",),
    "unreachable": ("before_order", "before_publish", "before_read"),
    "reply_lost": ("after_order", "after_publish", "after_read"),
    "late": ("before_order",),
}


@dataclass
class InjectedFault:
    """One thing that will happen, at the place that is reached after `skip` others of its kind."""

    kind: Kind
    place: Place
    skip: int = 0

    def hits(self, place: Place) -> bool:
        """Tell whether it happens here and now; counts the places that it lets pass."""
        if place != self.place:
            return False
        self.skip -= 1
        return self.skip < 0
