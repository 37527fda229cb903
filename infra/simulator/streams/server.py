"""Serves the broker's streams on loopback: stock data and order updates, over WebSockets."""

import logging
import socket
import threading
from http import HTTPStatus
from types import TracebackType
from typing import Self

from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from common.bounds import LARGEST_BODY
from infra.simulator.state import BrokerState
from infra.simulator.streams.codec import JsonArrays, JsonObjects, MsgpackArrays
from infra.simulator.streams.connection import Connection
from infra.simulator.streams.hub import Hub
from infra.simulator.streams.order_updates import PATH, OrderUpdatesSession
from infra.simulator.streams.outbox import Outbox
from infra.simulator.streams.session import Session
from infra.simulator.streams.stock_data import FEEDS, StockDataSession

_AUTH_TIMEOUT = 10.0
_SEND_BUFFER = 16 * 1024


class StreamServer:
    """The streams of one broker behind one loopback port.

    A client that has not tried to authenticate within `auth_timeout` seconds is sent away.
    """

    def __init__(
        self, broker: BrokerState, port: int = 0, *, auth_timeout: float = _AUTH_TIMEOUT
    ) -> None:
        """Bind at once, so that `url` is known; port 0 picks a free one."""
        self._broker, self._auth_timeout = broker, auth_timeout
        self._hub = Hub(broker)
        self._server = serve(
            self._handle,
            "127.0.0.1",
            port,
            origins=[None],  # a page in a browser names its origin: this is not for it
            max_size=LARGEST_BODY,
            process_request=_known_paths_only,
            logger=_quiet(),
        )
        # Events wait in the outbox, where they are counted, and not in buffers of megabytes.
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Base URL, without a trailing slash."""
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._hub.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._hub.close()
        self._server.shutdown()
        self._thread.join()

    def _handle(self, connection: ServerConnection) -> None:
        headers = connection.request.headers if connection.request else {}
        session = self._session(connection)
        self._hub.join(session)
        try:
            session.greet((headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")))
            Connection(connection, session, self._broker.faults).serve(self._auth_timeout)
        finally:
            self._hub.leave(session)

    def _session(self, connection: ServerConnection) -> Session:
        request = connection.request
        if request is None or request.path == PATH:
            return OrderUpdatesSession(
                self._broker, PATH, JsonObjects(), Outbox(1), self._hub.admit
            )
        packed = request.headers.get("Content-Type") == "application/msgpack"
        codec = MsgpackArrays() if packed else JsonArrays()
        return StockDataSession(self._broker, request.path, codec, Outbox(), self._hub.admit)


def _known_paths_only(connection: ServerConnection, request: Request) -> Response | None:
    if request.path in (PATH, *FEEDS):
        return None
    return connection.respond(HTTPStatus.NOT_FOUND, "no such stream\n")


def _quiet() -> logging.Logger:
    """Return a logger that says nothing of clients that come and go."""
    logger = logging.getLogger("countersign.simulator.streams")
    logger.setLevel(logging.CRITICAL)
    return logger
