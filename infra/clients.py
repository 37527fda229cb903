"""Opens what the settings name: the database, the broker, Pub/Sub, Secret Manager, the scheduler.

Used by the functions and by the command line alike. Nothing is reached before it is used.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import PermanentError
from infra.alpaca.http import AlpacaHttp
from infra.gcp.pubsub import PubsubPublisher
from infra.gcp.secret_manager import SecretManager
from infra.postgres.database import Connect, Database, connector
from infra.runtime import redaction
from infra.runtime.clock import Clock, SystemClock
from infra.runtime.secrets import Secrets
from infra.runtime.setting_values import is_secret_name
from infra.runtime.settings import Settings, SettingsError
from infra.runtime.stream_settings import order_stream_url

if TYPE_CHECKING:
    from infra.alpaca.market_data import AlpacaMarketData
    from infra.alpaca.stream.client import StockStream, StreamListener
    from infra.alpaca.stream.order_updates import OrderListener, OrderStream
    from infra.alpaca.trading import AlpacaTrading
    from infra.auth.receipt_signature import ReceiptSigner
    from infra.gcp.rest import GoogleRest
    from infra.gcp.scheduler import CloudScheduler


class Clients:
    """The clients of one environment: each made when first asked for, all closed together."""

    def __init__(self, settings: Settings, *, pool_size: int = 1) -> None:
        self.settings = settings
        # No log shows them from now on.
        redaction.hide(*(v for v in settings.secrets.values() if not is_secret_name(v)))
        self.secrets = Secrets(settings, SecretManager(SystemClock()).read)
        self._pool_size = pool_size
        self._wires: list[AlpacaHttp] = []

    @property
    def ingests(self) -> bool:
        """Whether the operator's switches let market data be fetched."""
        return self.settings.trading_enabled and self.settings.trading_worker_ingest_enabled

    @cached_property
    def clock(self) -> Clock:
        """The machine's clock; the simulator's where BROKER_CLOCK says so."""
        return self.trading if self.settings.broker_clock else SystemClock()

    @cached_property
    def database(self) -> Database:
        """The database, over a pool of connections."""
        return Database(self._connect(), size=self._pool_size)

    @cached_property
    def trading(self) -> "AlpacaTrading":
        """The broker's trading API."""
        from infra.alpaca.trading import AlpacaTrading  # noqa: PLC0415 (few need it)

        return AlpacaTrading(self._broker(self.settings.alpaca_trading_base_url))

    @cached_property
    def market_data(self) -> "AlpacaMarketData":
        """The broker's market data."""
        from infra.alpaca.market_data import AlpacaMarketData  # noqa: PLC0415 (few need it)

        return AlpacaMarketData(self._broker(self.settings.alpaca_data_base_url))

    def stock_stream(self, listener: "StreamListener") -> "StockStream":
        """Return a stream of the broker's stock data, which is not connected yet."""
        from infra.alpaca.stream.client import StockStream  # noqa: PLC0415 (one worker's)

        return StockStream(
            f"{self.settings.alpaca_stream_url}/v2/{self.settings.alpaca_data_feed}",
            self.secrets.provider("alpaca_api_key_id"),
            self.secrets.provider("alpaca_api_secret_key"),
            listener,
        )

    @cached_property
    def order_stream_url(self) -> str:
        """Where order updates come from; raises SettingsError where that cannot be told."""
        settings = self.settings
        try:
            return order_stream_url(settings.alpaca_trading_base_url, settings.alpaca_stream_url)
        except ValueError as error:
            raise SettingsError(f"ALPACA_STREAM_URL: {error}", ["ALPACA_STREAM_URL"]) from None

    def order_stream(self, listener: "OrderListener") -> "OrderStream":
        """Return a stream of the account's order updates, which is not connected yet."""
        from infra.alpaca.stream.order_updates import OrderStream  # noqa: PLC0415 (one worker's)

        return OrderStream(
            self.order_stream_url,
            self.secrets.provider("alpaca_api_key_id"),
            self.secrets.provider("alpaca_api_secret_key"),
            listener,
        )

    @cached_property
    def publisher(self) -> PubsubPublisher:
        """Pub/Sub, or its emulator; raises SettingsError without a project."""
        project = self.settings.require("google_cloud_project")
        return PubsubPublisher(project, self.settings.pubsub_emulator_host)

    @cached_property
    def google(self) -> "GoogleRest":
        """Google's REST APIs, as the environment's account."""
        from infra.gcp.rest import GoogleRest  # noqa: PLC0415 (few need it)

        return GoogleRest()

    @cached_property
    def receipt_signer(self) -> "ReceiptSigner":
        """Who signs receipts; imported when first used, the cryptography behind it is heavy.

        Raises SettingsError where no key is set.
        """
        from infra.auth.local_signing_key import LocalSigningKey  # noqa: PLC0415
        from infra.auth.receipt_signature import ReceiptSigner  # noqa: PLC0415
        from infra.gcp.kms import KmsSigningKey  # noqa: PLC0415

        if name := self.settings.receipt_kms_key:
            return ReceiptSigner(KmsSigningKey(name, self.google))
        if file := self.settings.receipt_key_file:
            return ReceiptSigner(LocalSigningKey(Path(file)))
        raise SettingsError("nothing signs receipts: set RECEIPT_KMS_KEY or RECEIPT_KEY_FILE")

    @cached_property
    def scheduler(self) -> "CloudScheduler":
        """Cloud Scheduler; raises SettingsError without a project and a region."""
        from infra.gcp.scheduler import CloudScheduler  # noqa: PLC0415 (few need it)

        return CloudScheduler(
            self.settings.require("google_cloud_project"),
            self.settings.require("google_cloud_region"),
            self.settings.deployment_name,
        )

    def close(self) -> None:
        """Close what was opened."""
        for wire in self._wires:
            wire.close()
        for name in ("google", "publisher", "database"):
            if name in vars(self):
                getattr(self, name).close()

    def _broker(self, base_url: str) -> AlpacaHttp:
        """Return the wire to one of the broker's hosts; each request carries the present keys."""
        if self.settings.question_pipeline_test_mode:
            wire = self._fixtures()
        else:
            key_id = self.secrets.provider("alpaca_api_key_id")
            wire = AlpacaHttp(base_url, key_id, self.secrets.provider("alpaca_api_secret_key"))
        self._wires.append(wire)
        return wire

    def _fixtures(self) -> AlpacaHttp:
        """Return the wire of test mode, at whose end is no broker."""
        # Imported here: only test mode needs it.
        from infra.fixtures.transport import FixtureTransport  # noqa: PLC0415

        # Connections of its own: a function may hold all of its pool's while it asks the broker.
        transport = FixtureTransport(Database(self._connect(), size=2), SystemClock())
        return AlpacaHttp("http://fixtures", "test-mode", "test-mode", transport=transport)

    def _connect(self) -> Connect:
        return _cloud_sql(self.settings) if self.settings.cloud_sql_instance else _url(self.secrets)


def _url(known: Secrets) -> Connect:
    """Read the URL for each new connection: a password may have been rotated."""

    def open_connection() -> Any:
        try:
            connect = connector(known.reveal("database_url"))
        except ValueError as error:
            raise SettingsError(f"DATABASE_URL: {error}") from None
        return connect()

    return open_connection


def _cloud_sql(settings: Settings) -> Connect:
    # Imported here: where a URL is given, no event loop and no connector are needed.
    from infra.gcp.cloud_sql import CloudSql  # noqa: PLC0415

    connect = CloudSql(
        settings.cloud_sql_instance, settings.db_name, settings.db_user, settings.cloud_sql_ip
    )

    def open_connection() -> Any:
        try:
            return connect()
        except PermanentError as error:
            raise SettingsError(f"CLOUD_SQL_INSTANCE: {error}") from error

    return open_connection
