"""A worker of which one leads, over all instances, and the others wait to take over."""

import logging
import threading
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from common.errors import OutcomeUnknownError, TransientError
from infra.postgres.database import Database, DatabaseSession

log = logging.getLogger(__name__)


class Stream(Protocol):
    """What a leader follows."""

    def run(self) -> None:
        """Follow it until `close`; raises BrokerRefusedError where that cannot be."""

    def close(self) -> None:
        """End `run`, in any thread."""


class LeadingWorker(ABC):
    """Follows a stream in a thread of its own while no other instance does.

    `beat` is the seconds between two steps, and between two attempts to lead. The database must
    have a connection for the leader and another for its work.
    """

    def __init__(self, name: str, database: Database, beat: float) -> None:
        self._name, self._database, self._beat = name, database, beat
        self._closing, self._woken = threading.Event(), threading.Event()

    def run(self) -> None:
        """Lead whenever no other does, until `close`; then finish.

        Whose connection to the database is lost leads no longer, and waits like any other. Raises
        BrokerRefusedError where the stream cannot be had.
        """
        while not self._closing.is_set():
            try:
                with self._database.exclusive(self._name) as session:
                    if session is not None:
                        self._lead(session)
            except (TransientError, OutcomeUnknownError) as error:
                log.warning("not leading the %s: %s", self._name, error)
            self._closing.wait(self._beat)
        self._finish()

    def close(self) -> None:
        """End `run`, once what waits is stored."""
        self._closing.set()
        self.wake()

    def wake(self) -> None:
        """Take the next step now."""
        self._woken.set()

    @abstractmethod
    def _open(self) -> Stream:
        """Return the stream to follow, which is not connected yet."""

    @abstractmethod
    def _step(self) -> None:
        """Do what is due; what fails for now is done at the next beat."""

    @abstractmethod
    def _finish(self) -> None:
        """Store what waits: no more comes of this stream."""

    def _lead(self, session: DatabaseSession) -> None:
        log.info("leading the %s", self._name, extra={"event": "stream_leader"})
        stream = self._open()
        with ThreadPoolExecutor(1) as threads:
            reading = threads.submit(stream.run)
            reading.add_done_callback(lambda _: self.wake())
            try:
                while not (reading.done() or self._closing.is_set()):
                    self._woken.clear()
                    with session.transaction() as tx:  # the lock is this connection's
                        tx.rows("SELECT 1")
                    self._step()
                    self._woken.wait(self._beat)
            finally:
                stream.close()
                self._finish()  # an attempt to connect may take longer than there is time
        reading.result()
