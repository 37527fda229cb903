"""Writes the reference of the settings, from `infra/runtime/settings.py`."""

from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from infra.runtime.settings import Settings

_UNSHOWN = "*secret*"

# A sentence for each setting; a test names the one that was forgotten.
DESCRIPTIONS = {
    "CLOUD_SQL_INSTANCE": "Cloud SQL by IAM, `project:region:name`; with `DB_NAME`, `DB_USER`.",
    "CLOUD_SQL_IP": "Which address of the instance is used.",
    "DB_NAME": "The database at Cloud SQL.",
    "DB_USER": "The IAM user at Cloud SQL.",
    "DATABASE_URL": "A `postgresql://` URL, in place of Cloud SQL; a pooler must pool by session.",
    "DATABASE_POOL_SIZE": "Connections per instance.",
    "OUTBOX_RETENTION_DAYS": "How long published messages are kept.",
    "MARKET_DATA_RETENTION_DAYS": "How long market facts are kept.",
    "TRADING_ENABLED": "Whether anything is fetched, asked or sent; only `true` is on.",
    "TRADING_WORKER_INGEST_ENABLED": "Whether market data is fetched.",
    "TRADING_WORKER_EVAL_ENABLED": "Whether rules are evaluated.",
    "QUESTION_PIPELINE_TEST_MODE": "No broker at all: fixture prices and fake fills.",
    "BROKER_CLOCK": "Take the time from the broker simulator.",
    "ALPACA_API_KEY_ID": "The broker's key.",
    "ALPACA_API_SECRET_KEY": "The broker's secret key.",
    "ALPACA_TRADING_BASE_URL": "The broker's paper or live host, or this machine.",
    "ALPACA_DATA_BASE_URL": "The broker's data host, or this machine.",
    "ALPACA_DATA_FEED": "The feed of stock prices, and of inputs of a config that name none.",
    "ALPACA_STREAM_URL": "The broker's host of streams (`countersign stream`), or this machine.",
    "ALPACA_ALLOW_LIVE": "The server's key to live money; only `true` is on.",
    "ALPACA_ALLOW_UNASKED_LIVE": "Whether live orders may go without a question.",
    "HAIPHEN_API_URL": "The dashboard's API.",
    "SNAPSHOT_ENDPOINT": "The path that snapshots are posted to.",
    "INTERNAL_TOKEN": "The token of a snapshot's post.",
    "SIGNING_SECRET": "The key of a snapshot's signature.",
    "MV_KPI_TABLE": "The view of the figures.",
    "MV_SERIES_TABLE": "The view of the series.",
    "MV_EXTREMES_TABLE": "The view of the extremes.",
    "MV_PORTFOLIO_TABLE": "The view of the portfolio.",
    "SNAPSHOT_DEADLINE_SECONDS": "How long the dashboard's API is tried.",
    "CLOUDFLARE_API_URL": "Cloudflare's API, or this machine.",
    "CLOUDFLARE_API_TOKEN": "The token for D1; with the account and the database.",
    "CLOUDFLARE_ACCOUNT_ID": "The account that D1 belongs to.",
    "D1_DATABASE_ID": "The dashboard's database, for when its API is unreachable.",
    "ANSWER_WEBHOOK_SECRET": "The secret of the answer webhook (Standard Webhooks).",
    "APP_BACKEND_URL": "The local app backend that the console answers through; on this machine.",
    "RECEIPT_KMS_KEY": "The version of a key in Cloud KMS that signs receipts (docs/receipts.md).",
    "RECEIPT_KEY_FILE": "The key that signs receipts where none is in Cloud KMS (PEM, P-256).",
    "FIREBASE_PROJECT_ID": "The project whose ID tokens users sign in with.",
    "FIREBASE_KEYS_URL": "Where the keys of ID tokens are published.",
    "ALLOWED_ORIGINS": "Web pages that may call `account_api`, separated by commas.",
    "GOOGLE_CLOUD_PROJECT": "The project of the topics and secrets.",
    "GOOGLE_CLOUD_REGION": "The region of the scheduler.",
    "DEPLOYMENT_NAME": "What Google's resources are named after.",
    "PUBSUB_EMULATOR_HOST": "The Pub/Sub emulator, in place of Google.",
    "ENROLLMENT": "Who may become a user by signing in.",
    "ENROLLMENT_ALLOW_LIST": "User ids that may enroll, separated by commas.",
    "ENROLLMENT_CLAIM": "The claim of an ID token that lets its holder enroll.",
    "HARD_MAX_ORDER_NOTIONAL_USD": "The most that one order may cost.",
    "HARD_MAX_ORDERS_PER_DAY": "The most orders of a user in a trading day.",
    "HARD_MAX_NOTIONAL_USD_PER_4H": "The most that a user may order in four hours.",
    "HARD_MAX_SERVER_ORDERS_PER_DAY": "The most orders of all users in a trading day.",
    "HARD_MAX_SERVER_SYMBOLS": "The most distinct symbols that all users watch together.",
    "HARD_MAX_SERVER_NOTIONAL_USD_PER_DAY": "The most that all users may order in a trading day.",
    "HARD_MAX_SERVER_NOTIONAL_USD_PER_4H": "The most that all users may order in four hours.",
    "MAX_STREAM_SYMBOLS": "The most stock symbols of one config, and of the stream for all users.",
    "MAX_DATA_REQUESTS_PER_MINUTE": "The most data requests that one config may cause.",
    "MAX_EVALUATION_COST": "The most that the evaluation of one config may cost (facts read).",
    "MAX_CALLER_REQUESTS_PER_MINUTE": "The most requests of one caller to `account_api`.",
    "MAX_CALLER_REQUESTS_AT_ONCE": "The most requests of one caller at the same time.",
}


def write(folder: Path) -> None:
    """Write `settings.md`, and `.env.example` beside the folder."""
    (folder / "settings.md").write_text(page())
    (folder.parent / ".env.example").write_text(example())


def example() -> str:
    """Return an environment with every setting at its default; raises KeyError as `page`."""
    lines = [
        "# Every setting, at its default (docs/settings.md). Copy it to `.env`; an",
        "# empty value is as good as none. Generated: `countersign config docs` writes it anew.",
    ]
    for name, field in Settings.model_fields.items():
        value = _default(field).strip("`")
        lines += ["", f"# {DESCRIPTIONS[name.upper()]}"]
        lines.append(f"{name.upper()}={'' if value == _UNSHOWN else value}")
    return "\n".join(lines) + "\n"


def page() -> str:
    """Return the page; raises KeyError for a setting without a description."""
    rows = [
        f"| `{name.upper()}` | {_default(field)} | {DESCRIPTIONS[name.upper()]} |"
        for name, field in sorted(Settings.model_fields.items())
    ]
    return "\n".join(
        (
            "# Settings",
            "",
            "Generated from `infra/runtime/settings.py`; `countersign config docs` writes it anew.",
            "Environment variables are the only settings. An empty one is as good as none, and one",
            "that is wrong refuses to start and is named. A secret may be the resource name of one",
            "in Secret Manager (`projects/…/secrets/…/versions/…`).",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        )
    )


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        return _UNSHOWN
    if value is PydanticUndefined:
        return "*required*"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else ""
