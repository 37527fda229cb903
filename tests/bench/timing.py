"""How long a call takes."""

import statistics
from collections.abc import Callable
from time import perf_counter

REPEATS = 5


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begin = perf_counter()
    call()
    return perf_counter() - begin


def median(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """The middle one of some timings, in seconds."""
    return statistics.median(timed(call) for _ in range(repeats))
