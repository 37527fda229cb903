"""Configs that are left out of everybody's work, by key, and why."""

from collections.abc import Mapping
from datetime import datetime

from infra.postgres.database import Row, Transaction, to_json


def replace(tx: Transaction, reasons: Mapping[str, str], now: datetime) -> None:
    """Remember which configs are set aside now; a config keeps the instant since when it is."""
    keys = list(reasons)
    tx.run(
        "DELETE FROM set_aside_configs WHERE config_key <> ALL(CAST(:keys AS text[]))", keys=keys
    )
    tx.run(
        """
        INSERT INTO set_aside_configs AS known (config_key, reason, since)
        SELECT key, value, :now FROM jsonb_each_text(CAST(:reasons AS jsonb)) ORDER BY key
        ON CONFLICT (config_key) DO UPDATE SET reason = excluded.reason
        WHERE known.reason <> excluded.reason
        """,
        reasons=to_json(dict(reasons)),
        now=now,
    )


def add(tx: Transaction, config_key: str, reason: str, now: datetime) -> None:
    """Set one more config aside, until the next evaluation says otherwise."""
    tx.run(
        "INSERT INTO set_aside_configs (config_key, reason, since) VALUES (:key, :reason, :now)"
        " ON CONFLICT (config_key) DO NOTHING",
        key=config_key,
        reason=reason,
        now=now,
    )


def keys(tx: Transaction) -> frozenset[str]:
    """Return the keys of the configs that were set aside at the last evaluation."""
    rows = tx.rows("SELECT config_key FROM set_aside_configs")
    return frozenset(row["config_key"] for row in rows)


def list_all(tx: Transaction, limit: int = 20) -> list[Row]:
    """Return the configs that are set aside, the newest first, with one of their users."""
    return tx.rows(
        """
        SELECT s.config_key, s.reason, s.since, min(c.firebase_uid) AS firebase_uid,
               count(c.firebase_uid) AS users
        FROM set_aside_configs s LEFT JOIN user_trading_config c USING (config_key)
        GROUP BY s.config_key, s.reason, s.since ORDER BY s.since DESC, s.config_key LIMIT :limit
        """,
        limit=limit,
    )
