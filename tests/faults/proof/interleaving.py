"""Calls at the same time, one of them moving at a time: the same seed takes the same turns.

Each call runs in a thread of its own and stops at every statement, commit and send; whose turn it
is then, chance decides. A call that waits for another's lock in the database is left out until it
gets it, so that real locks do their work and nothing depends on the machine's speed.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

_here = threading.local()
# How long a call may be on its way before the database is asked whether it waits for a lock.
_WAIT_SECONDS = 0.002

Work = Callable[[], None]
IsBlocked = Callable[[int], bool]


class _Call:
    """One thread: parked at a stop, on its way, or waiting inside the database."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._go = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.parked = threading.Event()
        self.ended = False
        self.backend: int | None = None
        self.error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()
        self.parked.wait()

    def park(self) -> None:
        self.parked.set()
        self._go.acquire()

    def resume(self) -> None:
        self.parked.clear()
        self._go.release()

    def stands(self, is_blocked: IsBlocked) -> None:
        """Wait until it parks, ends, or waits for another's lock."""
        while not self.parked.wait(_WAIT_SECONDS):
            backend = self.backend
            if backend is not None and is_blocked(backend):
                return

    def _run(self) -> None:
        _here.call = self
        self.park()
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 (raised again by whoever started it)
            self.error = error
        finally:
            self.ended = True
            self.parked.set()


def at_once(works: Sequence[Work], rng: Random, is_blocked: IsBlocked) -> None:
    """Run all to their end, in turns; raises what one of them raised."""
    calls = [_Call(work) for work in works]
    for call in calls:
        call.start()
    while running := [call for call in calls if not call.ended]:
        if ready := [call for call in running if call.parked.is_set()]:
            rng.choice(ready).resume()
        else:
            # All wait for each other: the server's deadlock detection ends one of them.
            running[0].parked.wait(_WAIT_SECONDS)
        for call in running:
            call.stands(is_blocked)
    for call in calls:
        if call.error is not None:
            raise call.error


def stop() -> None:
    """Let others move before what comes next, if there are others."""
    call: _Call | None = getattr(_here, "call", None)
    if call is not None:
        call.park()


@contextmanager
def inside(backend: int) -> Iterator[None]:
    """Say that this thread waits for a statement of a server process."""
    call: _Call | None = getattr(_here, "call", None)
    if call is None:
        yield
        return
    call.backend = backend
    try:
        yield
    finally:
        call.backend = None
