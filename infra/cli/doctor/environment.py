"""The environment under examination: each part opened when a check first asks for it."""

from functools import cached_property

from infra import clients
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.gcp.pubsub import PubsubPublisher
from infra.gcp.scheduler import CloudScheduler
from infra.postgres.database import Database
from infra.runtime.clock import Clock, SystemClock
from infra.runtime.secrets import Secrets
from infra.runtime.settings import Settings


class Environment:
    """What an environment's settings lead to."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.secrets: Secrets = clients.secrets(settings)

    @cached_property
    def clock(self) -> Clock:
        """The machine's clock; the simulator's where BROKER_CLOCK says so."""
        return self.trading if self.settings.broker_clock else SystemClock()

    @cached_property
    def database(self) -> Database:
        """The database, over one connection."""
        return clients.database(self.settings, self.secrets, size=1)

    @cached_property
    def trading(self) -> AlpacaTrading:
        """The broker."""
        return AlpacaTrading(self._wire(self.settings.alpaca_trading_base_url))

    @cached_property
    def market_data(self) -> AlpacaMarketData:
        """The broker's market data."""
        return AlpacaMarketData(self._wire(self.settings.alpaca_data_base_url))

    @cached_property
    def topics(self) -> PubsubPublisher:
        """Pub/Sub, or its emulator."""
        project = self.settings.require("google_cloud_project")
        return PubsubPublisher(project, self.settings.pubsub_emulator_host)

    @cached_property
    def scheduler(self) -> CloudScheduler:
        """Cloud Scheduler."""
        return clients.scheduler(self.settings)

    def close(self) -> None:
        """Close what was opened."""
        for name in ("database", "topics"):
            if name in vars(self):
                getattr(self, name).close()
        for wire in self._wires:
            wire.close()

    @cached_property
    def _wires(self) -> list[AlpacaHttp]:
        return []

    def _wire(self, base_url: str) -> AlpacaHttp:
        wire = clients.broker(self.settings, base_url, self.secrets)
        self._wires.append(wire)
        return wire
