"""A user's own trading config: read it, and replace it under their lock."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from common.config import merge
from common.model import content_hash
from infra.postgres.database import Transaction, to_json

Document = dict[str, Any]


@dataclass(frozen=True)
class UserConfig:
    """What a user says, the template it is said over, and both together."""

    template_name: str | None
    template: Document
    override: Document
    enabled: bool
    updated_at: datetime
    config_key: str

    @property
    def merged(self) -> Document:
        """The whole document, not validated."""
        document: Document = merge(self.template, self.override)
        return document

    @property
    def version(self) -> str:
        """Name this very state: it changes with what the user says and with the template."""
        return content_hash([self.template_name, self.override, self.merged, self.enabled])


_FIELDS = [each.name for each in fields(UserConfig)]
_SELECT = """
    SELECT c.firebase_uid, c.template_name, coalesce(t.config, '{}') AS template,
           c.config AS override, c.enabled, c.updated_at, c.config_key
    FROM user_trading_config c LEFT JOIN trading_config_templates t ON t.name = c.template_name
    WHERE c.firebase_uid = :uid
"""


def read(tx: Transaction, firebase_uid: str) -> UserConfig | None:
    """Read a user's config, enabled or not, valid or not."""
    row = tx.row(_SELECT, uid=firebase_uid)
    return UserConfig(**{each: row[each] for each in _FIELDS}) if row else None


def lock(tx: Transaction, firebase_uid: str) -> UserConfig | None:
    """Make a user known, lock them, and read their config: writers take their turns.

    Claims of their orders take the same lock.
    """
    tx.run(
        "INSERT INTO trading_users (firebase_uid) VALUES (:uid) ON CONFLICT DO NOTHING",
        uid=firebase_uid,
    )
    tx.rows("SELECT firebase_uid FROM users WHERE firebase_uid = :uid FOR UPDATE", uid=firebase_uid)
    return read(tx, firebase_uid)


def save(
    tx: Transaction,
    firebase_uid: str,
    template_name: str | None,
    override: Document,
    now: datetime,
    *,
    enabled: bool,
) -> UserConfig:
    """Replace what a locked user says; the caller has validated it."""
    tx.run(
        """
        INSERT INTO user_trading_config (firebase_uid, template_name, config, enabled, updated_at)
        VALUES (:uid, CAST(:template AS text), CAST(:config AS jsonb), :enabled, :now)
        ON CONFLICT (firebase_uid) DO UPDATE
        SET template_name = excluded.template_name, config = excluded.config,
            enabled = excluded.enabled, updated_at = excluded.updated_at
        """,
        uid=firebase_uid,
        template=template_name,
        config=to_json(override),
        enabled=enabled,
        now=now,
    )
    saved = read(tx, firebase_uid)
    if saved is None:
        raise AssertionError("the config that was saved is gone")
    return saved
