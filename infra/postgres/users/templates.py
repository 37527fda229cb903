"""Config templates (`trading_config_templates`), and what users say over each."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from infra.postgres.database import Transaction, to_json

Document = dict[str, Any]


def list_all(tx: Transaction) -> list[dict[str, Any]]:
    """List the templates by name, and how many users each has."""
    return tx.rows(
        """
        SELECT t.name, t.updated_at, count(c.firebase_uid) AS users
        FROM trading_config_templates t LEFT JOIN user_trading_config c ON c.template_name = t.name
        GROUP BY t.name ORDER BY t.name
        """
    )


def read(tx: Transaction, name: str) -> Document | None:
    """Read a template."""
    row = tx.row("SELECT config FROM trading_config_templates WHERE name = :name", name=name)
    return row["config"] if row else None


def overrides(tx: Transaction, name: str) -> Iterator[tuple[str, Document]]:
    """Read what is said over a template: each distinct override, with one user who says it."""
    rows = tx.rows(
        """
        SELECT DISTINCT ON (config_key) firebase_uid, config FROM user_trading_config
        WHERE template_name = :name ORDER BY config_key, firebase_uid
        """,
        name=name,
    )
    return ((row["firebase_uid"], row["config"]) for row in rows)


def save(tx: Transaction, name: str, template: Document, now: datetime) -> None:
    """Store a template; the caller has validated what is said over it."""
    tx.run(
        """
        INSERT INTO trading_config_templates (name, config, updated_at)
        VALUES (:name, CAST(:config AS jsonb), :now)
        ON CONFLICT (name) DO UPDATE
        SET config = excluded.config, updated_at = excluded.updated_at
        """,
        name=name,
        config=to_json(template),
        now=now,
    )
