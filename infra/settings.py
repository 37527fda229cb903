"""Settings by environment variable (design section 7). The only place that reads them.

A contradiction refuses to start: SettingsError names the variables and says what would be right.
"""

import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from common.errors import TradingError
from common.guardrails import Server
from common.market import Feed

LIVE_HOST = "api.alpaca.markets"
PAPER_HOST = "paper-api.alpaca.markets"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsError(TradingError):
    """The environment is incomplete or contradicts itself: a person must act."""


def _only_true(value: object) -> object:
    """Read a switch: `true` is on, and anything unclear is off."""
    return value is True or value == "true"


# A switch that opens something dangerous: only the exact word turns it on.
Key = Annotated[bool, BeforeValidator(_only_true)]
# The name of a table or materialized view: it is put into SQL, where it cannot be bound.
TableName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$")]


def inherited(name: str) -> str:
    """Return a variable of this process's surroundings, empty when it is not set."""
    return os.environ.get(name, "")  # noqa: TID251 (this is the place)


class Settings(BaseModel):
    """Everything that an operator can set; names are the environment variables in lower case."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=False)

    database_url: SecretStr
    database_pool_size: Annotated[int, Field(ge=1)] = 4

    trading_enabled: Key = False
    trading_worker_ingest_enabled: bool = True
    trading_worker_eval_enabled: bool = True
    question_pipeline_test_mode: Key = False

    alpaca_api_key_id: SecretStr = SecretStr("")
    alpaca_api_secret_key: SecretStr = SecretStr("")
    alpaca_trading_base_url: str = f"https://{PAPER_HOST}"
    alpaca_data_base_url: str = "https://data.alpaca.markets"
    alpaca_data_feed: Feed = "iex"
    alpaca_allow_live: Key = False

    haiphen_api_url: str = ""
    snapshot_endpoint: str = "/v1/internal/trades/snapshot"
    internal_token: SecretStr = SecretStr("")
    signing_secret: SecretStr = SecretStr("")
    mv_kpi_table: TableName = "utils_statistics.daily_trade_kpis_mv"
    mv_portfolio_table: TableName = "utils_statistics.daily_trade_portfolio_mv"

    answer_webhook_secret: SecretStr = SecretStr("")

    google_cloud_project: str = ""
    pubsub_emulator_host: str = ""

    hard_max_order_notional_usd: Annotated[Decimal, Field(gt=0)] = Decimal(1000)
    hard_max_orders_per_day: Annotated[int, Field(ge=0)] = 20
    hard_max_notional_usd_per_4h: Annotated[Decimal, Field(gt=0)] = Decimal(5000)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the environment; raises SettingsError that names each variable that is wrong."""
        source = os.environ if environment is None else environment  # noqa: TID251 (this is the place)
        given = {name.lower(): value for name, value in source.items() if value != ""}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, each['loc'])).upper() or 'settings'}: {each['msg']}"
                for each in error.errors()
            )
            raise SettingsError(problems) from None  # the input may hold secrets

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        host = urlsplit(self.alpaca_trading_base_url).hostname
        if host not in _LOOPBACK | {LIVE_HOST, PAPER_HOST}:
            raise ValueError(
                "ALPACA_TRADING_BASE_URL must be Alpaca's paper or live host, or the simulator on"
                " this machine"
            )
        if self.broker_is_live and not self.alpaca_allow_live:
            raise ValueError(
                "ALPACA_TRADING_BASE_URL is live but ALPACA_ALLOW_LIVE is not `true`: set both or"
                " neither"
            )
        simulated = {host, urlsplit(self.alpaca_data_base_url).hostname} <= _LOOPBACK
        if self.question_pipeline_test_mode and not simulated:
            raise ValueError(
                "QUESTION_PIPELINE_TEST_MODE takes the simulator's word for the time: it needs"
                " ALPACA_TRADING_BASE_URL and ALPACA_DATA_BASE_URL on this machine"
            )
        return self

    def require(self, name: str) -> str:
        """Return a setting that the function at hand cannot do without; raises SettingsError."""
        value = getattr(self, name)
        text: str = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not text:
            raise SettingsError(f"{name.upper()} is not set")
        return text

    @property
    def broker_is_live(self) -> bool:
        """Whether orders would spend real money."""
        return urlsplit(self.alpaca_trading_base_url).hostname == LIVE_HOST

    @property
    def server_limits(self) -> Server:
        """What guardrails must know of the server."""
        return Server(
            trading_enabled=self.trading_enabled,
            allow_live=self.alpaca_allow_live,
            broker_is_live=self.broker_is_live,
            max_order_notional_usd=self.hard_max_order_notional_usd,
            max_orders_per_day=self.hard_max_orders_per_day,
            max_notional_usd_per_4h=self.hard_max_notional_usd_per_4h,
        )
