"""The official Pub/Sub emulator, for the tests that ask it what is right."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from infra.local.pubsub import emulator
from infra.local.pubsub.emulator import NoEmulatorError

# Some malformed bodies hang the emulator: never wait long for it.
TIMEOUT = httpx.Timeout(5)


@contextmanager
def pubsub_emulator(folder: Path, project: str) -> Iterator[httpx.Client]:
    """Run the emulator and yield a client of it; skip the test where it is not installed."""
    with ExitStack() as running:
        try:
            address = running.enter_context(emulator.pubsub_emulator(folder, project))
        except NoEmulatorError as reason:
            pytest.skip(str(reason))
        yield running.enter_context(
            httpx.Client(base_url=f"http://{address}", timeout=TIMEOUT, trust_env=False)
        )
