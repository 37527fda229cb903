"""One client's socket: what it sends is answered, and what waits for it is sent."""

import contextlib
import socket
import threading
import time

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from infra.simulator.faults.faults import Faults
from infra.simulator.streams.session import Session

_GRACE = 1.0  # seconds that a client has to take what it is told last


class Connection:
    """Reads in the caller's thread, and writes in one of its own."""

    def __init__(self, socket: ServerConnection, session: Session, faults: Faults) -> None:
        self._socket, self._session, self._faults = socket, session, faults
        self._writer = threading.Thread(target=self._write, daemon=True)

    def serve(self, auth_timeout: float) -> None:
        """Talk with the client until either side has enough."""
        self._writer.start()
        # A client that takes nothing blocks the writer: then the connection is broken.
        watch = threading.Thread(target=self._watch, daemon=True)
        watch.start()
        try:
            self._converse(auth_timeout)
        finally:
            self._session.outbox.finish()
            self._writer.join()
            watch.join()

    def _converse(self, auth_timeout: float) -> None:
        session, until = self._session, time.monotonic() + auth_timeout
        try:
            while True:
                left = max(until - time.monotonic(), 0)
                session.receive(self._socket.recv(None if session.has_tried else left))
        except TimeoutError:
            session.outbox.finish(*session.farewell_to_silent())
        except ConnectionClosed:
            pass

    def _write(self) -> None:
        outbox = self._session.outbox
        try:
            while taken := outbox.take():
                frame, has_events = taken
                fault = self._faults.take_frame(self._session.path) if has_events else None
                if fault is None or fault.kind == "duplicate_frame":
                    for _ in range(1 if fault is None else 2):
                        self._socket.send(self._session.codec.write(frame))
                else:
                    if fault.kind == "disconnect":
                        self._break()
                    outbox.finish(*self._session.farewell_to_slow())
            self._socket.close()
        except ConnectionClosed:
            outbox.finish()

    def _watch(self) -> None:
        self._session.outbox.wait_until_finished()
        self._writer.join(_GRACE)
        if self._writer.is_alive():
            self._break()

    def _break(self) -> None:
        """Close without a closing handshake."""
        with contextlib.suppress(OSError):  # it is closed already
            self._socket.socket.shutdown(socket.SHUT_RDWR)
