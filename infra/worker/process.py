"""A process of workers, which a signal ends."""

import logging
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from infra.workflows.stream.leader import LeadingWorker

log = logging.getLogger(__name__)


def run(workers: Sequence[LeadingWorker]) -> None:
    """Run the workers until one fails or a signal comes; what waits is stored first.

    A worker that fails for good ends them all: what starts the process again shows it.
    """
    ended = SimpleQueue[None]()  # a signal may come while it is waited for
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.put(None))
    with ThreadPoolExecutor(len(workers)) as threads:
        running = [threads.submit(worker.run) for worker in workers]
        for each in running:
            each.add_done_callback(lambda _: ended.put(None))
        ended.get()
        log.info("stopping", extra={"event": "stream_stopping"})
        for worker in workers:
            worker.close()
    for each in running:
        each.result()
