"""A process of workers, which a signal ends."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from infra.runtime.ending import Ending
from infra.workflows.stream.leader import LeadingWorker

log = logging.getLogger(__name__)


def run(workers: Sequence[LeadingWorker]) -> None:
    """Run the workers until one fails or a signal comes; what waits is stored first.

    A worker that fails for good ends them all: what starts the process again shows it.
    """
    ending = Ending()
    with ThreadPoolExecutor(len(workers)) as threads:
        running = [threads.submit(worker.run) for worker in workers]
        for each in running:
            each.add_done_callback(lambda _: ending.end())
        ending.wait()
        log.info("stopping", extra={"event": "stream_stopping"})
        for worker in workers:
            worker.close()
    for each in running:
        each.result()
