"""A caller gets their share of a process, and no more; the others do not notice."""

import threading
import time

import pytest

from infra.runtime import rate_limiter
from infra.runtime.rate_limiter import RateLimiter


def ask(limit: RateLimiter, name: str, at: float) -> float:
    wait = limit.enter(name, at)
    if not wait:
        limit.leave(name)
    return wait


def test_a_caller_over_the_limit_gets_the_seconds_to_wait() -> None:
    limit = RateLimiter(per_minute=60, at_once=1)
    assert [ask(limit, "a", 0) for _ in range(60)] == [0] * 60

    assert ask(limit, "a", 0) == 1
    assert ask(limit, "a", 0.5) == 0.5
    assert ask(limit, "a", 1) == 0


def test_another_caller_is_not_held_up() -> None:
    limit = RateLimiter(per_minute=1, at_once=1)
    assert ask(limit, "a", 0) == 0
    assert ask(limit, "a", 0) > 0

    assert ask(limit, "b", 0) == 0


def test_idle_time_is_not_saved_beyond_a_minute() -> None:
    limit = RateLimiter(per_minute=2, at_once=1)

    assert [ask(limit, "a", 10_000) == 0 for _ in range(3)] == [True, True, False]


def test_a_caller_may_be_inside_so_many_times_at_once() -> None:
    limit = RateLimiter(per_minute=60, at_once=2, wait_seconds=0.001)
    assert [limit.enter("a", 0), limit.enter("a", 0)] == [0, 0]

    assert limit.enter("a", 0) > 0
    assert limit.enter("b", 0) == 0
    limit.leave("a")
    assert limit.enter("a", 0) == 0


def test_a_caller_waits_for_his_own_earlier_requests() -> None:
    limit = RateLimiter(per_minute=60, at_once=1, wait_seconds=60)
    limit.enter("a", 0)
    waits: list[float] = []
    waiting = threading.Thread(target=lambda: waits.append(limit.enter("a", 0)))
    waiting.start()

    limit.leave("a")
    waiting.join()

    assert waits == [0]


def one_inside_and_one_waiting() -> tuple[RateLimiter, list[float], threading.Thread]:
    """Return a limit, what the waiting request of `a` will be told, and the thread it waits in."""
    limit = RateLimiter(per_minute=60, at_once=1, wait_seconds=60)
    limit.enter("a", 0)
    waits: list[float] = []
    waiting = threading.Thread(target=lambda: waits.append(limit.enter("a", 0)))
    waiting.start()
    while not limit.waiting("a"):
        time.sleep(0.001)
    return limit, waits, waiting


def test_no_more_wait_than_may_be_inside() -> None:
    limit, waits, waiting = one_inside_and_one_waiting()

    refused = limit.enter("a", 0)

    assert (refused > 0, waits) == (True, [])  # the one that waits has not given up meanwhile
    limit.leave("a")
    waiting.join()
    assert waits == [0]


def test_who_waits_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, waits, waiting = one_inside_and_one_waiting()
    monkeypatch.setattr(rate_limiter, "MOST_CALLERS", 1)

    limit.leave("a")
    ask(limit, "b", 0)
    waiting.join()
    limit.leave("a")

    assert waits == [0]


def test_callers_are_forgotten_unless_they_are_being_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limiter, "MOST_CALLERS", 2)
    limit = RateLimiter(per_minute=1, at_once=1, wait_seconds=0.001)
    limit.enter("inside", 0)
    for name in ("b", "c", "d"):
        assert ask(limit, name, 0) == 0

    assert ask(limit, "b", 0) == 0  # forgotten, so that they begin anew
    limit.leave("inside")
    assert ask(limit, "inside", 0) > 0
