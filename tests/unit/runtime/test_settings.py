"""The environment is read once, completely, and never in favour of live trading."""

import traceback
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from infra.runtime.setting_values import LIVE_HOST
from infra.runtime.settings import Settings, SettingsError, env_var

LIVE = "https://api.alpaca.markets"
PAPER = "https://paper-api.alpaca.markets"
SIMULATOR = "http://127.0.0.1:8080"
DATABASE_URL = "postgresql://localhost/countersign"

# None: the variable is not set.
UNCLEAR_KEYS = [
    None,
    "",
    "TRUE",
    "True",
    "TRUE ",
    " true",
    "true ",
    "true\n",
    "'true'",
    "1",
    "yes",
    "on",
    "false",
    "paper",
]
NEVER_LIVE = [PAPER, PAPER + "/", SIMULATOR, "http://localhost:1", "http://[::1]:1"]
# All of these lead a client to the live host, or a reader to think so.
LIVE_IN_DISGUISE = [
    LIVE + "/",
    LIVE + "/v2?feed=iex#top",
    LIVE + ":443",
    LIVE + ":8443",
    "https://API.Alpaca.Markets",
    "https://api.alpaca.markets.",
    "https://evil@api.alpaca.markets",
    "https://paper-api.alpaca.markets@api.alpaca.markets",
    "https://paper-api.alpaca.markets:443@api.alpaca.markets",
    "https://127.0.0.1\\@api.alpaca.markets",
    "https://api.alpaca.markets#@paper-api.alpaca.markets",
    "https://api.alpaca.markets?@127.0.0.1",
    "https://api.alpaca。markets",
    "https://api.alpaca.mar\tkets",
    " https://api.alpaca.markets",
    "http://api.alpaca.markets",
    "//api.alpaca.markets",
    "wss://api.alpaca.markets",
]
UNKNOWN_HOSTS = [
    "https://api.alpaca.markets@evil.example",
    "https://api.alpaca.markets\\@evil.example",
    "https://api.alpaca.markets.evil.example",
    "https://paper-api.alpaca.markets.evil.example",
    "https://api.alpaca.markets%00.evil.example",
    "https://broker-api.alpaca.markets",
    "https://evil.example/api.alpaca.markets",
    "https://127.0.0.1.evil.example",
    "http://0.0.0.0:80",
    "http://10.0.0.1",
    "http://localhost.:80",
    "api.alpaca.markets",
    "paper-api.alpaca.markets",
    "live",
    "https://",
    "https://[::1",
    "https://[api.alpaca.markets]",
]
SECRETS = sorted(
    name for name, field in Settings.model_fields.items() if field.annotation is SecretStr
)


def read(**variables: str | None) -> Settings:
    """Read an environment that has everything required, and these; None leaves one out."""
    given = {"DATABASE_URL": DATABASE_URL} | variables
    return Settings.from_environment({n: v for n, v in given.items() if v is not None})


def orders_go(url: str | None, key: str | None) -> str:
    """Say where orders would go: live, paper, or nowhere at all."""
    try:
        settings = read(ALPACA_TRADING_BASE_URL=url, ALPACA_ALLOW_LIVE=key)
    except SettingsError:
        return "refused"
    assert settings.server_limits.broker_is_live == settings.broker_is_live
    assert settings.server_limits.allow_live == settings.alpaca_allow_live
    return "live" if settings.broker_is_live else "paper"


def test_the_defaults_trade_nothing_and_allow_only_the_paper_broker() -> None:
    settings = read()

    assert not settings.trading_enabled
    assert settings.trading_worker_ingest_enabled
    assert settings.trading_worker_eval_enabled
    assert not settings.question_pipeline_test_mode
    assert settings.alpaca_trading_base_url == PAPER
    assert settings.alpaca_data_base_url == "https://data.alpaca.markets"
    assert settings.alpaca_data_feed == "iex"
    assert not settings.alpaca_allow_live
    assert not settings.broker_is_live
    assert settings.snapshot_endpoint == "/v1/internal/trades/snapshot"
    assert settings.mv_kpi_table == "utils_statistics.daily_trade_kpis_mv"
    assert settings.mv_portfolio_table == "utils_statistics.daily_trade_portfolio_mv"
    assert settings.database_pool_size == 4


def test_the_servers_ceilings_reach_the_guardrails_exactly() -> None:
    settings = read(
        TRADING_ENABLED="true",
        HARD_MAX_ORDER_NOTIONAL_USD="0.10",
        HARD_MAX_ORDERS_PER_DAY="0",
        HARD_MAX_NOTIONAL_USD_PER_4H="5000.01",
    )

    server = settings.server_limits

    assert server.trading_enabled
    assert server.max_order_notional_usd == Decimal("0.10")
    assert server.max_orders_per_day == 0
    assert server.max_notional_usd_per_4h == Decimal("5000.01")


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert read(ALPACA_DATA_FEED="", HARD_MAX_ORDERS_PER_DAY="", MV_KPI_TABLE="") == read()


def test_variables_of_others_are_ignored() -> None:
    assert read(PATH="/bin", LANG="C", TRADING="true") == read()


def test_without_an_argument_the_process_environment_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", DATABASE_URL)
    monkeypatch.setenv("TRADING_ENABLED", "true")

    settings = Settings.from_environment()

    assert settings == read(TRADING_ENABLED="true")
    assert env_var("DATABASE_URL") == DATABASE_URL
    assert env_var("ALPACA_ALLOW_LIVE") == ""


def test_settings_cannot_be_changed_afterwards() -> None:
    settings = read()

    with pytest.raises(ValidationError, match="frozen"):
        settings.alpaca_allow_live = True  # type: ignore[misc]


def test_both_keys_turned_open_the_live_broker() -> None:
    assert orders_go(LIVE, "true") == "live"


@pytest.mark.parametrize("key", UNCLEAR_KEYS)
def test_the_live_url_without_the_exact_key_refuses_to_start(key: str | None) -> None:
    assert orders_go(LIVE, key) == "refused"


@pytest.mark.parametrize("key", [*UNCLEAR_KEYS, "true"])
@pytest.mark.parametrize("url", [None, "", *NEVER_LIVE])
def test_the_key_alone_never_makes_paper_or_the_simulator_live(
    url: str | None, key: str | None
) -> None:
    assert orders_go(url, key) == "paper"


@pytest.mark.parametrize("key", UNCLEAR_KEYS)
@pytest.mark.parametrize("url", LIVE_IN_DISGUISE)
def test_no_spelling_of_the_live_url_gets_past_the_missing_key(url: str, key: str | None) -> None:
    assert orders_go(url, key) == "refused"


@pytest.mark.parametrize("url", LIVE_IN_DISGUISE)
def test_no_spelling_of_the_live_url_passes_as_paper_with_the_key(url: str) -> None:
    assert orders_go(url, "true") in {"live", "refused"}


@pytest.mark.parametrize("key", [None, "", "true", "TRUE", "1"])
@pytest.mark.parametrize("url", UNKNOWN_HOSTS)
def test_an_unknown_host_is_refused_whatever_the_key(url: str, key: str | None) -> None:
    assert orders_go(url, key) == "refused"


@pytest.mark.parametrize("url", [*UNKNOWN_HOSTS, "https://data.alpaca.markets.example"])
def test_market_data_comes_from_the_broker_or_this_machine(url: str) -> None:
    with pytest.raises(SettingsError, match="ALPACA_DATA_BASE_URL"):
        read(ALPACA_DATA_BASE_URL=url)


@given(
    st.tuples(
        st.sampled_from(["https://", "http://", "HTTPS://", "//", " https://", ""]),
        st.sampled_from(["", "user@", "user:word@", "paper-api.alpaca.markets@", "\\@", "@", "#"]),
        st.sampled_from([LIVE_HOST, LIVE_HOST.upper(), "paper-api.alpaca.markets", "127.0.0.1"]),
        st.sampled_from(["", ".", ":443", ":", "\\", "@127.0.0.1", "@" + LIVE_HOST, "#@", "?@"]),
        st.sampled_from(["", "/", "/v2", "\n"]) | st.text(max_size=5),
    ).map("".join)
)
def test_a_url_that_leads_to_the_live_host_is_never_taken_for_paper(url: str) -> None:
    try:
        leads_to = httpx.URL(url).host.rstrip(".")
    except httpx.InvalidURL:
        leads_to = "nowhere"

    if leads_to == LIVE_HOST:
        assert orders_go(url, "TRUE") == "refused"
        assert orders_go(url, "true") != "paper"


@pytest.mark.parametrize("word", ["TRUE", "1", "yes", " true", "on", "t"])
def test_switches_that_open_something_dangerous_need_the_exact_word(word: str) -> None:
    settings = read(TRADING_ENABLED=word, QUESTION_PIPELINE_TEST_MODE=word, ALPACA_ALLOW_LIVE=word)

    assert not settings.trading_enabled
    assert not settings.question_pipeline_test_mode
    assert not settings.alpaca_allow_live


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
def test_the_brokers_clock_is_taken_from_a_simulator_on_this_machine(host: str) -> None:
    settings = read(
        BROKER_CLOCK="true",
        ALPACA_TRADING_BASE_URL=host,
        ALPACA_DATA_BASE_URL=SIMULATOR,
    )

    assert settings.broker_clock


@pytest.mark.parametrize(
    ("trading", "data"),
    [
        (None, None),
        (PAPER, SIMULATOR),
        (SIMULATOR, None),
        (SIMULATOR, "https://data.alpaca.markets"),
        (SIMULATOR, "http://127.0.0.1.evil.example"),
        (SIMULATOR, "http://127.0.0.1@evil.example"),
        (SIMULATOR, "http://10.0.0.1"),
        (SIMULATOR, "localhost"),
    ],
)
def test_the_brokers_clock_is_refused_elsewhere(trading: str | None, data: str | None) -> None:
    with pytest.raises(SettingsError, match=r"BROKER_CLOCK|ALPACA_DATA_BASE_URL"):
        read(
            BROKER_CLOCK="true",
            ALPACA_TRADING_BASE_URL=trading,
            ALPACA_DATA_BASE_URL=data,
        )


def test_the_brokers_clock_is_refused_from_the_live_broker_even_with_its_key() -> None:
    with pytest.raises(SettingsError, match=r"BROKER_CLOCK|ALPACA_DATA_BASE_URL"):
        read(
            BROKER_CLOCK="true",
            ALPACA_TRADING_BASE_URL=LIVE,
            ALPACA_ALLOW_LIVE="true",
        )


@pytest.mark.parametrize(
    "live", [{"ALPACA_ALLOW_LIVE": "true"}, {"ALPACA_API_KEY_ID": "AK0123456789"}]
)
def test_test_mode_is_refused_beside_what_trades_live(live: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="QUESTION_PIPELINE_TEST_MODE"):
        read(QUESTION_PIPELINE_TEST_MODE="true", **live)


def test_orders_of_test_mode_go_to_nobodys_account() -> None:
    assert read(QUESTION_PIPELINE_TEST_MODE="true").broker_kind == "test"
    assert read().broker_kind == "paper"
    assert read(ALPACA_TRADING_BASE_URL=LIVE, ALPACA_ALLOW_LIVE="true").broker_kind == "live"


@pytest.mark.parametrize(
    "variable", ["MV_KPI_TABLE", "MV_SERIES_TABLE", "MV_EXTREMES_TABLE", "MV_PORTFOLIO_TABLE"]
)
@pytest.mark.parametrize(
    "name",
    [
        "kpis; DROP TABLE trade_orders",
        "kpis--",
        "kpis/**/",
        "kpis WHERE true",
        "kpis\n",
        "kpis\x00",
        "(SELECT 1)",
        'kpis"',
        "kpis'",
        '"kpis"',
        "Kpis",
        "1kpis",
        "a.b.c",
        "a.",
        ".a",
        " kpis",
        "kpís",
        "kpis:name",
        "kpis%s",
        "kpis$",
    ],
)
def test_a_table_name_that_is_no_identifier_is_refused(variable: str, name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}: "):
        read(**{variable: name})


@pytest.mark.parametrize("name", ["kpis", "_k2", "stats.kpis_mv"])
def test_a_table_name_that_is_an_identifier_is_taken(name: str) -> None:
    assert read(MV_KPI_TABLE=name, MV_PORTFOLIO_TABLE=name).mv_kpi_table == name


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", None),
        ("DATABASE_URL", ""),
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_POOL_SIZE", "four"),
        ("TRADING_WORKER_INGEST_ENABLED", "perhaps"),
        ("TRADING_WORKER_EVAL_ENABLED", "2"),
        ("ALPACA_TRADING_BASE_URL", "https://evil.example"),
        ("ALPACA_ALLOW_LIVE", "no"),
        ("ALPACA_DATA_FEED", "otc"),
        ("ALPACA_DATA_FEED", "IEX"),
        ("HARD_MAX_ORDER_NOTIONAL_USD", "0"),
        ("HARD_MAX_ORDER_NOTIONAL_USD", "Infinity"),
        ("HARD_MAX_ORDER_NOTIONAL_USD", "NaN"),
        ("HARD_MAX_ORDER_NOTIONAL_USD", "1,000"),
        ("HARD_MAX_ORDERS_PER_DAY", "-1"),
        ("HARD_MAX_ORDERS_PER_DAY", "1.5"),
        ("HARD_MAX_ORDERS_PER_DAY", "9" * 5000),
        ("HARD_MAX_NOTIONAL_USD_PER_4H", "-5"),
        ("HARD_MAX_NOTIONAL_USD_PER_4H", "sNaN"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str | None) -> None:
    url = LIVE if variable == "ALPACA_ALLOW_LIVE" else None

    with pytest.raises(SettingsError, match=variable):
        read(**{"ALPACA_TRADING_BASE_URL": url} | {variable: value})


def test_all_wrong_variables_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        read(DATABASE_URL=None, ALPACA_DATA_FEED="otc", MV_KPI_TABLE="a b")

    for variable in ("DATABASE_URL", "ALPACA_DATA_FEED", "MV_KPI_TABLE"):
        assert f"{variable}: " in str(refused.value)


def test_a_live_url_without_its_key_names_both() -> None:
    with pytest.raises(SettingsError, match=r"ALPACA_TRADING_BASE_URL.*ALPACA_ALLOW_LIVE"):
        read(ALPACA_TRADING_BASE_URL=LIVE)


def hidden_values() -> dict[str, str]:
    hidden = {name.upper(): f"s3cret-{number}" for number, name in enumerate(SECRETS)}
    return hidden | {"DATABASE_URL": "postgresql://u:s3cret@h/d"}


def test_a_secret_is_in_no_text_of_the_settings() -> None:
    settings = read(**hidden_values(), CLOUDFLARE_ACCOUNT_ID="a", D1_DATABASE_ID="d")

    texts = [repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()]

    assert {"database_url", "signing_secret", "alpaca_api_secret_key"} <= set(SECRETS)
    assert not [text for text in texts if "s3cret" in text]
    assert [settings.require(name) for name in SECRETS] == list(hidden_values().values())


@pytest.mark.parametrize(
    "name",
    ["ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY", "INTERNAL_TOKEN", "CLOUDFLARE_API_TOKEN"],
)
@pytest.mark.parametrize("damage", ["\n", "\r\n", " ", "\x00", "é"])
def test_a_secret_that_cannot_be_a_header_is_refused_at_the_start(name: str, damage: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        read(**{name: f"s3cret{damage}"})

    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_only_upper_case_variables_are_settings() -> None:
    settings = read(ALPACA_ALLOW_LIVE="false", alpaca_allow_live="true")

    assert settings.alpaca_allow_live is False


@pytest.mark.parametrize(
    "url", ["postgresql://u:pa/ss@host/db", "postgresql://h:port/d", "mysql://h/d", "nowhere"]
)
def test_a_database_url_that_cannot_be_read_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL") as refused:
        read(DATABASE_URL=url)

    assert "pa" not in str(refused.value).replace("password", "")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.alpaca.markets",
        "https://evil@api.alpaca.markets",
        "https://api.alpaca.markets:8443",
        "ftp://api.alpaca.markets",
        "https://api.alpaca.markets/v2",
        "http://paper-api.alpaca.markets",
    ],
)
def test_a_url_that_only_looks_like_alpacas_is_refused_even_with_the_key(url: str) -> None:
    with pytest.raises(SettingsError, match="ALPACA_TRADING_BASE_URL"):
        read(ALPACA_TRADING_BASE_URL=url, ALPACA_ALLOW_LIVE="true")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ALPACA_DATA_FEED": "otc"},
        {"ALPACA_TRADING_BASE_URL": LIVE},
        {"ALPACA_TRADING_BASE_URL": "https://evil.example"},
        {"BROKER_CLOCK": "true"},
        {"MV_KPI_TABLE": "a b"},
    ],
)
def test_a_secret_is_in_no_error_and_no_traceback(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as refused:
        read(**hidden_values() | wrong)

    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("name", ["internal_token", "haiphen_api_url", "google_cloud_project"])
def test_a_setting_that_a_function_needs_is_asked_for_by_its_name(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name.upper()} is not set$"):
        read().require(name)

    given = "https://given.example"
    assert read(**{name.upper(): given}).require(name) == given


# What an environment can hold: any text without NUL, and bytes that are not UTF-8.
_anything = st.text(st.characters(exclude_characters="\x00"), max_size=20) | st.sampled_from(
    [
        "true",
        "false",
        "1",
        "-1",
        "1e999",
        "0.1",
        LIVE,
        PAPER,
        SIMULATOR,
        "https://[",
        "\udcff",
        "a.b",
    ]
)
_names = st.sampled_from([name.upper() for name in Settings.model_fields]) | _anything


@given(st.dictionaries(_names, _anything, max_size=12))
def test_no_environment_raises_anything_but_our_error(environment: dict[str, str]) -> None:
    try:
        settings = Settings.from_environment(environment)
    except SettingsError:
        return

    assert bool(settings.database_url.get_secret_value()) != bool(settings.cloud_sql_instance)
    assert not settings.broker_is_live or environment["ALPACA_ALLOW_LIVE"] == "true"


CLOUD_SQL = {"CLOUD_SQL_INSTANCE": "p:r:i", "DB_NAME": "countersign", "DB_USER": "ingest@p.iam"}


def test_cloud_sql_takes_the_place_of_a_url() -> None:
    settings = Settings.from_environment(CLOUD_SQL)

    assert settings.cloud_sql_instance == "p:r:i"
    assert settings.cloud_sql_ip == "private"
    assert settings.secrets == {}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"DATABASE_URL": DATABASE_URL} | CLOUD_SQL,
        {"DATABASE_URL": DATABASE_URL, "DB_NAME": "countersign"},
        *({n: v for n, v in CLOUD_SQL.items() if n != missing} for missing in CLOUD_SQL),
    ],
)
def test_one_database_is_named_wholly_and_not_two(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL.*CLOUD_SQL_INSTANCE, DB_NAME"):
        Settings.from_environment(environment)


@pytest.mark.parametrize("instance", ["instance", "p:i", "p:r:i:x", "p: r:i", ":r:i"])
def test_an_instance_that_is_no_connection_name_is_refused(instance: str) -> None:
    with pytest.raises(SettingsError, match="CLOUD_SQL_INSTANCE"):
        Settings.from_environment(CLOUD_SQL | {"CLOUD_SQL_INSTANCE": instance})


def test_a_secret_may_be_the_name_of_one_in_secret_manager() -> None:
    name = "projects/p/secrets/database-url/versions/latest"

    settings = read(DATABASE_URL=name, SIGNING_SECRET=name, ALPACA_API_KEY_ID=name)

    assert settings.secrets == {
        "database_url": name,
        "signing_secret": name,
        "alpaca_api_key_id": name,
    }


KMS_KEY = "projects/p-1/locations/us-central1/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"


@pytest.mark.parametrize(
    "name",
    [
        "projects/p/secrets/s/versions/1",
        KMS_KEY.removesuffix("/cryptoKeyVersions/1"),
        KMS_KEY + "\n",
        KMS_KEY.replace("p-1", "p/../q"),
        KMS_KEY + ":destroy",
        KMS_KEY.replace("Versions/1", "Versions/0"),
        "https://cloudkms.googleapis.com/v1/" + KMS_KEY,
    ],
)
def test_a_key_of_cloud_kms_is_named_wholly(name: str) -> None:
    with pytest.raises(SettingsError, match="RECEIPT_KMS_KEY"):
        Settings.without_database({"RECEIPT_KMS_KEY": name})


def test_receipts_are_signed_by_one_key_or_by_none() -> None:
    assert not Settings.without_database({}).has_receipts
    assert Settings.without_database({"RECEIPT_KMS_KEY": KMS_KEY}).has_receipts
    assert Settings.without_database({"RECEIPT_KEY_FILE": "key.pem"}).has_receipts
    with pytest.raises(SettingsError, match="exclude each other"):
        Settings.without_database({"RECEIPT_KMS_KEY": KMS_KEY, "RECEIPT_KEY_FILE": "key.pem"})
