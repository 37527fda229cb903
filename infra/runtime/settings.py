"""Settings by environment variable (docs/settings.md). The only place that reads them.

A contradiction refuses to start: SettingsError names the variables and says what would be right.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from common.errors import TradingError
from common.market import StockFeed
from common.server_limits import SERVER_CAPS, ServerLimits
from infra.runtime.database_url import connection_arguments
from infra.runtime.limit_settings import LimitSettings
from infra.runtime.receipt_settings import ReceiptSettings
from infra.runtime.setting_values import (
    CLOUDFLARE_API,
    DATA_HOST,
    GOOGLE_KEYS,
    LIVE_HOST,
    ORIGINS,
    PAPER_HOST,
    PathPart,
    StrictFlag,
    TableName,
    can_be_sent,
    encrypted,
    exactly,
    is_loopback,
    is_secret_name,
)
from infra.runtime.stream_settings import StreamSettings

_NO_DATABASE = "none"
_LIVE_KEY = "AK"  # how the key ids of live accounts begin; paper ones begin with PK
# What is sent in a header: a stray line end would be quoted in an error, and so in a log. The
# signing secret is held to the same: with a stray line end every signature would be wrong.
HEADER_SECRETS = (
    "alpaca_api_key_id",
    "alpaca_api_secret_key",
    "internal_token",
    "signing_secret",
    "cloudflare_api_token",
)


class SettingsError(TradingError):
    """The environment is incomplete or contradicts itself: a person must act.

    `variables` are those that cannot be taken as they are.
    """

    def __init__(self, message: str, variables: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.variables = tuple(variables)


def _problem(error: ErrorDetails) -> str:
    name = ".".join(map(str, error["loc"])).upper() or "settings"
    return f"{name}: {error['msg'].removeprefix('Value error, ')}"


def env_var(name: str) -> str:
    """Return a variable of this process's surroundings, empty when it is not set."""
    return os.environ.get(name, "")  # noqa: TID251 (this is the place)


def env_vars() -> dict[str, str]:
    """Return all variables of this process's surroundings."""
    return dict(os.environ)  # noqa: TID251 (this is the place)


def default_limits() -> ServerLimits:
    """Return the limits of this environment, without needing the rest of the settings."""
    names = {name for name in os.environ if name.startswith(("HARD_MAX_", "MAX_"))}  # noqa: TID251
    given = {name: os.environ[name] for name in names}  # noqa: TID251
    return Settings.from_environment(given | {"DATABASE_URL": _NO_DATABASE}).server_limits


class Settings(LimitSettings, ReceiptSettings, StreamSettings):
    """Everything that an operator can set; names are the environment variables in lower case."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=False)

    # Either Cloud SQL by IAM authentication, or a URL.
    cloud_sql_instance: Annotated[str, Field(pattern=r"^([^:\s]+:[^:\s]+:[^:\s]+)?$")] = ""
    cloud_sql_ip: Literal["private", "public", "psc"] = "private"
    db_name: str = ""
    db_user: str = ""
    database_url: Annotated[SecretStr, Field(validate_default=True)] = SecretStr("")
    database_pool_size: Annotated[int, Field(ge=1)] = 4
    outbox_retention_days: Annotated[int, Field(ge=1)] = 7
    market_data_retention_days: Annotated[int, Field(ge=1)] = 90

    trading_enabled: StrictFlag = False
    trading_worker_ingest_enabled: bool = True
    trading_worker_eval_enabled: bool = True
    # Without any broker: prices are those of the table `market_fixtures`, and orders are filled
    # at once under ids that begin with `fake-`.
    question_pipeline_test_mode: StrictFlag = False
    # The time is the broker's own: a simulator's on this machine.
    broker_clock: StrictFlag = False

    alpaca_api_key_id: SecretStr = SecretStr("")
    alpaca_api_secret_key: SecretStr = SecretStr("")
    alpaca_trading_base_url: str = f"https://{PAPER_HOST}"
    alpaca_data_base_url: str = "https://data.alpaca.markets"
    alpaca_data_feed: StockFeed = "iex"
    alpaca_allow_live: StrictFlag = False
    alpaca_allow_unasked_live: StrictFlag = False

    haiphen_api_url: str = ""
    # A path alone: a whole URL would take the token to another host.
    snapshot_endpoint: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)+/?$")] = (
        "/v1/internal/trades/snapshot"
    )
    internal_token: SecretStr = SecretStr("")
    signing_secret: SecretStr = SecretStr("")
    mv_kpi_table: TableName = "utils_statistics.daily_trade_kpis_mv"
    mv_series_table: TableName = "utils_statistics.daily_trade_series_mv"
    mv_extremes_table: TableName = "utils_statistics.daily_trade_extremes_mv"
    mv_portfolio_table: TableName = "utils_statistics.daily_trade_portfolio_mv"
    # How long the API is tried. The database behind it has another minute, and both must end
    # before the Scheduler's attempt deadline (infra/schedules.yaml).
    snapshot_deadline_seconds: Annotated[int, Field(ge=1, le=180)] = 120

    # The dashboard's database, for when its API is unreachable: all three or none.
    cloudflare_api_url: str = CLOUDFLARE_API
    cloudflare_api_token: SecretStr = SecretStr("")
    cloudflare_account_id: PathPart = ""
    d1_database_id: PathPart = ""

    answer_webhook_secret: SecretStr = SecretStr("")
    # The local stack's app backend, through which its console answers: only on this machine.
    app_backend_url: str = ""

    firebase_project_id: str = ""
    firebase_keys_url: str = GOOGLE_KEYS
    # Web pages that may call `account_api` from a browser: origins, separated by commas.
    allowed_origins: Annotated[str, Field(pattern=ORIGINS)] = ""

    google_cloud_project: str = ""
    google_cloud_region: str = ""
    deployment_name: str = "countersign"  # what Google's resources are named after
    pubsub_emulator_host: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the environment; raises SettingsError that names each variable that is wrong."""
        source = os.environ if environment is None else environment  # noqa: TID251 (this is the place)
        given = {f: value for f in cls.model_fields if (value := source.get(f.upper(), ""))}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problems = "; ".join(_problem(each) for each in error.errors())
            names = [str(each["loc"][0]).upper() for each in error.errors() if each["loc"]]
            raise SettingsError(problems, names) from None  # the input may hold secrets

    @classmethod
    def without_database(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the environment for what needs no database."""
        source = os.environ if environment is None else environment  # noqa: TID251
        databases = {"CLOUD_SQL_INSTANCE", "DB_NAME", "DB_USER"}
        given = {name: value for name, value in source.items() if name not in databases}
        return cls.from_environment(given | {"DATABASE_URL": _NO_DATABASE})

    @field_validator("database_url")
    @classmethod
    def _is_the_one_database(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        """Take a URL or Cloud SQL, whole and not both."""
        given = url.get_secret_value()
        instance = [info.data.get(name) for name in ("cloud_sql_instance", "db_name", "db_user")]
        if bool(given) == any(instance) or (not given and not all(instance)):
            raise ValueError("set either this or all of CLOUD_SQL_INSTANCE, DB_NAME and DB_USER")
        if given and given != _NO_DATABASE and not is_secret_name(given):
            connection_arguments(given)
        return url

    @field_validator(*HEADER_SECRETS)
    @classmethod
    def _can_be_a_header(cls, secret: SecretStr) -> SecretStr:
        if not can_be_sent(secret.get_secret_value()):
            raise ValueError("has characters that cannot be sent: a line end, a blank, an accent?")
        return secret

    @field_validator("alpaca_trading_base_url")
    @classmethod
    def _known_trading_host(cls, url: str) -> str:
        return exactly(url, f"https://{LIVE_HOST}", f"https://{PAPER_HOST}")

    @field_validator("alpaca_data_base_url")
    @classmethod
    def _known_data_host(cls, url: str) -> str:
        return exactly(url, f"https://{DATA_HOST}")

    @field_validator("cloudflare_api_url")
    @classmethod
    def _known_cloudflare(cls, url: str) -> str:
        return exactly(url, CLOUDFLARE_API)

    @field_validator("firebase_keys_url")
    @classmethod
    def _nobody_can_change_keys_on_their_way(cls, url: str) -> str:
        return encrypted(url)

    @field_validator("app_backend_url")
    @classmethod
    def _nobody_answers_for_users_elsewhere(cls, url: str) -> str:
        return exactly(url) if url else url

    @field_validator("haiphen_api_url")
    @classmethod
    def _nobody_can_read_the_token_on_its_way(cls, url: str) -> str:
        return encrypted(url) if url else url

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        if self.broker_is_live and not self.alpaca_allow_live:
            raise ValueError(
                "ALPACA_TRADING_BASE_URL is live but ALPACA_ALLOW_LIVE is not `true`: set both or"
                " neither"
            )
        hosts = (self.alpaca_trading_base_url, self.alpaca_data_base_url)
        if self.broker_clock and not all(map(is_loopback, hosts)):
            raise ValueError(
                "BROKER_CLOCK takes the simulator's word for the time: it needs"
                " ALPACA_TRADING_BASE_URL and ALPACA_DATA_BASE_URL on this machine"
            )
        live_key = self.alpaca_api_key_id.get_secret_value().startswith(_LIVE_KEY)
        if self.question_pipeline_test_mode and (self.alpaca_allow_live or live_key):
            raise ValueError(
                "QUESTION_PIPELINE_TEST_MODE trades nothing: it goes neither with"
                " ALPACA_ALLOW_LIVE nor with a live account's ALPACA_API_KEY_ID"
            )
        d1 = (
            self.cloudflare_api_token.get_secret_value(),
            self.cloudflare_account_id,
            self.d1_database_id,
        )
        if any(d1) and not all(d1):
            raise ValueError(
                "CLOUDFLARE_API_TOKEN, CLOUDFLARE_ACCOUNT_ID and D1_DATABASE_ID go together: set"
                " all three or none"
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
    def secrets(self) -> dict[str, str]:
        """The secrets that are set, by the names of their settings; each may be a secret's name."""
        given = {n: v.get_secret_value() for n, v in self if isinstance(v, SecretStr)}
        return {name: value for name, value in given.items() if value not in {"", _NO_DATABASE}}

    @property
    def broker_kind(self) -> Literal["live", "paper", "test"]:
        """Whose account orders go to; those of `test` go to nobody."""
        if self.question_pipeline_test_mode:
            return "test"
        return "live" if self.broker_is_live else "paper"

    @property
    def broker_is_live(self) -> bool:
        """Whether orders would spend real money."""
        return self.alpaca_trading_base_url == f"https://{LIVE_HOST}"

    @property
    def server_limits(self) -> ServerLimits:
        """What the operator allows, for guardrails and for configs that are saved."""
        return ServerLimits(
            trading_enabled=self.trading_enabled,
            allow_live=self.alpaca_allow_live,
            broker_is_live=self.broker_is_live,
            max_order_notional_usd=self.hard_max_order_notional_usd,
            max_orders_per_day=self.hard_max_orders_per_day,
            max_notional_usd_per_4h=self.hard_max_notional_usd_per_4h,
            max_stream_symbols=self.max_stream_symbols,
            allow_unasked_live=self.alpaca_allow_unasked_live,
            max_data_requests_per_minute=self.max_data_requests_per_minute,
            max_evaluation_cost=self.max_evaluation_cost,
            stock_feed=self.alpaca_data_feed,
            **{name: getattr(self, f"hard_{name}") for name in SERVER_CAPS},
        )
