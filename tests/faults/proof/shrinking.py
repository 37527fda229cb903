"""The shortest schedule that still fails in the same way: what is not needed is left out."""

from collections.abc import Iterator
from dataclasses import replace

from tests.faults.proof.harness import Harness
from tests.faults.proof.schedules import Schedule
from tests.faults.proof.trial import Verdict, live_through


def shrink(harness: Harness, schedule: Schedule, verdict: Verdict) -> Schedule:
    """Leave out steps, in halves and then one by one, as long as some violation stays."""
    wanted = _kinds(verdict)
    size = max(1, len(schedule.steps) // 2)
    while True:
        for shorter in _without(schedule, size):
            if _kinds(live_through(harness, shorter)) & wanted:
                schedule = shorter
                break
        else:
            if size == 1:
                return schedule
            size //= 2


def _without(schedule: Schedule, size: int) -> Iterator[Schedule]:
    """Leave `size` steps out, from the end on: what comes last matters least."""
    steps = schedule.steps
    for start in range(len(steps) - size, -1, -size):
        yield replace(schedule, steps=steps[:start] + steps[start + size :])


def _kinds(verdict: Verdict) -> set[str]:
    return {each.partition(":")[0] for each in verdict.violations}
