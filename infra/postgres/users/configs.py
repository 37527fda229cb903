"""Users' trading configs, merged over their templates."""

import functools
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from common.config import TradingConfig, merge, with_default_feed
from common.errors import MalformedMessageError
from common.market import StockFeed
from common.model import parse_json
from common.server_limits import ServerLimits
from common.validation import too_expensive
from infra.postgres.database import Transaction, to_json

log = logging.getLogger(__name__)

_LONGEST_REASON = 300

# What many users share is read once.
_OF_KEYS = """
    SELECT c.config_key, CAST(c.config AS text) AS config, CAST(t.config AS text) AS template
    FROM keys
    CROSS JOIN LATERAL (SELECT config_key, template_name, config FROM user_trading_config
                        WHERE enabled AND config_key = keys.config_key LIMIT 1) AS c
    LEFT JOIN trading_config_templates t ON t.name = c.template_name
    ORDER BY c.config_key
"""


@dataclass(frozen=True)
class SharedConfig:
    """An effective config and the key of all users who have exactly it."""

    key: str
    config: TradingConfig


@dataclass(frozen=True)
class ActiveConfigs:
    """The distinct configs of all enabled users, and by key why others are set aside."""

    shared: list[SharedConfig]
    set_aside: dict[str, str]


def active(tx: Transaction, limits: ServerLimits) -> ActiveConfigs:
    """Read the distinct configs of all enabled users, however many share each.

    One that cannot be read, or costs more than the server allows, is set aside.
    """
    rows = tx.rows(
        f"""
        -- From one key to the next by the index.
        WITH RECURSIVE keys AS (
            (SELECT config_key FROM user_trading_config WHERE enabled
             ORDER BY config_key LIMIT 1)
            UNION ALL
            SELECT (SELECT c.config_key FROM user_trading_config c
                    WHERE c.enabled AND c.config_key > keys.config_key
                    ORDER BY c.config_key LIMIT 1)
            FROM keys WHERE keys.config_key IS NOT NULL
        )
        {_OF_KEYS}
        """
    )
    found = ActiveConfigs([], {})
    for row in rows:
        config, problem = _examined(row["template"] or "{}", row["config"], limits)
        if problem is not None:
            found.set_aside[row["config_key"]] = problem
        if problem is None and config is not None and config.enabled:
            found.shared.append(SharedConfig(row["config_key"], config))
    return found


def of_keys(tx: Transaction, keys: Collection[str], feed: StockFeed) -> dict[str, TradingConfig]:
    """Read the configs of these keys as they are now, by key; what nobody has is left out."""
    rows = tx.rows(
        f"WITH keys AS (SELECT unnest(CAST(:keys AS text[])) AS config_key) {_OF_KEYS}",
        keys=list(keys),
    )
    found = {row["config_key"]: _effective(row, feed) for row in rows}
    return {key: config for key, config in found.items() if config is not None}


def users_of(tx: Transaction, keys: Collection[str], limit: int) -> list[tuple[str, str]]:
    """Read who has the configs of these keys, each with the key; `limit` users at most."""
    rows = tx.rows(
        """
        SELECT firebase_uid, config_key FROM user_trading_config
        WHERE enabled AND config_key = ANY(CAST(:keys AS text[]))
        ORDER BY firebase_uid LIMIT :limit
        """,
        keys=list(keys),
        limit=limit,
    )
    return [(row["firebase_uid"], row["config_key"]) for row in rows]


def of_user(tx: Transaction, firebase_uid: str, feed: StockFeed = "iex") -> TradingConfig | None:
    """Read a user's effective config; None when they have none that is enabled and valid.

    `feed` is that of stocks whose input names none: whoever looks at prices must say it.
    """
    row = tx.row(
        """
        SELECT c.config_key, CAST(c.config AS text) AS config,
               CAST(t.config AS text) AS template
        FROM user_trading_config c
        LEFT JOIN trading_config_templates t ON t.name = c.template_name
        WHERE c.firebase_uid = :uid AND c.enabled
        """,
        uid=firebase_uid,
    )
    return _effective(row, feed) if row else None


def enroll(
    tx: Transaction, firebase_uid: str, template: str | None, override: Mapping[str, Any]
) -> None:
    """Make a user known, with what they say over their template, unless they are known already.

    Raises MalformedMessageError, naming the path, when that is not a valid config.
    """
    row = tx.row("SELECT config FROM trading_config_templates WHERE name = :name", name=template)
    TradingConfig.from_document(merge(row["config"] if row else {}, override))
    tx.run(
        "INSERT INTO trading_users (firebase_uid) VALUES (:uid) ON CONFLICT DO NOTHING",
        uid=firebase_uid,
    )
    tx.run(
        """
        INSERT INTO user_trading_config (firebase_uid, template_name, config, enabled)
        VALUES (:uid, CAST(:template AS text), CAST(:config AS jsonb), true)
        ON CONFLICT (firebase_uid) DO NOTHING
        """,
        uid=firebase_uid,
        template=template,
        config=to_json(override),
    )


def _effective(row: dict[str, Any], feed: StockFeed) -> TradingConfig | None:
    """Merge and validate; an invalid stored config trades nothing, and says so."""
    try:
        return _merged(row["template"] or "{}", row["config"], feed)
    except MalformedMessageError as error:
        log.error("stored config %s is invalid: %s", row["config_key"], error)  # noqa: TRY400
        return None


@functools.lru_cache(maxsize=4096)
def _examined(
    template: str, override: str, limits: ServerLimits
) -> tuple[TradingConfig | None, str | None]:
    """Return a config, and why it must be set aside; whatever is wrong with it is its own."""
    try:
        config = _merged(template, override, limits.stock_feed)
        config.needs()
        return config, too_expensive(config, limits)
    except Exception as error:  # noqa: BLE001 (stored by anybody, at any time)
        return None, f"invalid: {error}"[:_LONGEST_REASON]


@functools.lru_cache(maxsize=4096)
def _merged(template: str, override: str, feed: StockFeed) -> TradingConfig:
    """Parse a config that was read before only once: a tick costs as much as what changed."""
    document = merge(parse_json(template), parse_json(override))
    return TradingConfig.from_document(with_default_feed(document, feed))
