"""How long a call takes, and a figure beside its floor."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

REPEATS = 5


@dataclass(frozen=True)
class Figure:
    """Seconds of something and of its floor, measured in the same run.

    `most` is the ratio that docs/performance.md promises, None where nothing is promised.
    """

    name: str
    seconds: Sequence[float]
    floor_name: str
    floor: Sequence[float]
    most: float | None = None
    users: int | None = None

    @property
    def ratio(self) -> float:
        """How many times its floor."""
        return statistics.median(self.seconds) / statistics.median(self.floor)

    def to_json(self) -> dict[str, object]:
        """Return median and spread (highest less lowest), in seconds, of both."""
        return {
            "name": self.name,
            "users": self.users,
            "seconds": _summary(self.seconds),
            "floor": {"name": self.floor_name, **_summary(self.floor)},
            "ratio": round(self.ratio, 3),
            "most": self.most,
        }


def _summary(seconds: Sequence[float]) -> dict[str, object]:
    return {
        "median": round(statistics.median(seconds), 6),
        "spread": round(max(seconds) - min(seconds), 6),
        "runs": len(seconds),
    }


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begin = perf_counter()
    call()
    return perf_counter() - begin


def repeated(call: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Some timings, in seconds."""
    return [timed(call) for _ in range(repeats)]


def median(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """The middle one of some timings, in seconds."""
    return statistics.median(repeated(call, repeats))
