"""Tests wait for a condition, never for a time: this only ends what hangs."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 600


def eventually(happened: Callable[[], object], otherwise: str = "did not happen in time") -> None:
    """Wait until it has happened; fail with these words where it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)
