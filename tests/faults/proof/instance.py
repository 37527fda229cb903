"""One running instance of the functions: real adapters, wired to lines that can be cut."""

import copy
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from tenacity import wait_none

from functions import wiring
from functions.wiring import Wiring
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.gcp.pubsub import PubsubPublisher
from infra.postgres.database import Database, connector
from infra.runtime.clock import Clock
from infra.runtime.settings import Settings
from infra.workflows import asking
from infra.workflows.outbox_relay import Relay
from tests.faults.proof import interleaving
from tests.faults.proof.connection import WatchedConnection
from tests.faults.proof.injected_fault import Crash, InjectedFault, Kind, Place
from tests.faults.proof.server import Server
from tests.faults.proof.transport import WatchedTransport

PUBSUB_HOST = "pubsub.invalid"
_here = threading.local()
# A thread that finds no free connection gives up at once: whoever holds one waits for its turn.
_POOL_SECONDS = 0.005


@dataclass(frozen=True)
class Parts:
    """What all instances share: the world outside of the process."""

    settings: Settings
    server: Server
    clock: Clock
    broker: httpx.BaseTransport
    topics: httpx.BaseTransport
    publisher: PubsubPublisher
    id_tokens: Any
    late: list[httpx.Request] = field(default_factory=list)
    happened: Counter[tuple[str, ...]] = field(default_factory=Counter)


class Instance:
    """A process that serves calls until it crashes."""

    def __init__(self, parts: Parts, pool_size: int = 4) -> None:
        self.parts = parts
        self.troubles: list[InjectedFault] = []
        self.dead = False
        self._connections: list[WatchedConnection] = []
        self.app = self._wire(pool_size)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Let the functions that this thread calls run in this process."""
        _here.instance = self
        try:
            yield
        finally:
            del _here.instance

    def live(self) -> None:
        """Raise Crash in whatever still runs in a process that is gone."""
        if self.dead:
            raise Crash

    def reach(self, place: Place) -> Kind | None:
        """Stop at a place, and return what happens there; a crash happens here.

        The threads in which a call reads the broker's facts are passed by: their order is chance.
        """
        self.live()
        if getattr(_here, "instance", None) is not self:
            return None
        interleaving.stop()
        self.live()
        met = next((each for each in self.troubles if each.hits(place)), None)
        if met is None:
            return None
        self.troubles.remove(met)
        self.parts.happened[met.kind, place] += 1
        if met.kind == "crash":
            self.die()
            raise Crash
        kind: Kind = met.kind
        return kind

    def die(self) -> None:
        """End the process: its connections break, and the server rolls back what was open.

        The server is told, because a backend that waits for a lock would not notice.
        """
        self.dead = True
        backends = self._backends()
        for connection in self._open():
            connection.cut()
        self.parts.server.terminate(backends)

    def lose_connections(self) -> None:
        """Restart the database server under the pool."""
        self.parts.server.terminate(self._backends())

    def close(self) -> None:
        """Shut down, and give back what a crash left behind."""
        self.app.database.close()
        for connection in self._open():
            connection.drop()

    def _open(self) -> list[WatchedConnection]:
        return [each for each in self._connections if each._usock is not None]

    def _backends(self) -> list[int]:
        return [each.backend for each in self._open()]

    def _connect(self) -> WatchedConnection:
        self.live()
        url = self.parts.settings.database_url.get_secret_value()
        connection = WatchedConnection.watch(connector(url)(), self)
        self._connections.append(connection)
        return connection

    def _wire(self, pool_size: int) -> Wiring:
        app = Wiring(self.parts.settings)
        app.database = Database(self._connect, pool_size, _POOL_SECONDS)
        publisher = copy.copy(self.parts.publisher)
        publisher._client = httpx.Client(
            base_url=f"http://{PUBSUB_HOST}", transport=WatchedTransport(self, self.parts.topics)
        )
        broker = self._broker()
        vars(app).update(
            clock=self.parts.clock,
            trading=AlpacaTrading(broker),
            market_data=AlpacaMarketData(broker),
            relay=Relay(app.database, publisher, self.parts.clock),
            id_tokens=self.parts.id_tokens,
        )
        return app

    def _broker(self) -> AlpacaHttp:
        """Build the client of the broker's two hosts; it waits for nothing between attempts."""
        settings = self.parts.settings
        http = AlpacaHttp(
            settings.alpaca_trading_base_url,
            settings.require("alpaca_api_key_id"),
            settings.require("alpaca_api_secret_key"),
            read_attempts=2,
            transport=WatchedTransport(self, self.parts.broker),
        )
        http._retrying = http._retrying.copy(wait=wait_none())
        return http


def _current() -> Wiring:
    instance: Instance = _here.instance
    instance.live()
    return instance.app


@contextmanager
def instances() -> Iterator[None]:
    """Let each thread's instance be the one that the functions are wired to.

    A piece is one user, so that whoever is not the first is asked through a message of their own.
    """
    kept, users = wiring.current, asking.USERS_A_PIECE
    wiring.current, asking.USERS_A_PIECE = _current, 1
    try:
        yield
    finally:
        wiring.current, asking.USERS_A_PIECE = kept, users
