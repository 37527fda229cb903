"""Rows that should not be there: a function left them out, and the rest went on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from common.messages import Audience
from infra.postgres.database import Row, Transaction, to_json
from infra.postgres.users.user_ranges import RANGES, range_values

Kind = Literal[
    "corporate action",
    "fetched fact",
    "market fact",
    "order",
    "position",
    "streamed fact",
    "streamed input",
    "symbol",
    "user",
]

# Messages are set aside as dead letters; those of the outbox have their user as key.
_EVERYTHING = """
    SELECT kind, name, firebase_uid, symbol, rule_id, reason, since FROM set_aside_rows
    UNION ALL
    SELECT 'message', message_id, ordering_key, NULL, NULL, error, created_at FROM dead_letters
    WHERE retried_at IS NULL AND consumer = 'relay_outbox'
"""


@dataclass(frozen=True)
class SetAsideRow:
    """A row by its kind and name, why it was left out, and whom and what it concerns."""

    name: str
    reason: str
    firebase_uid: str | None = None
    symbol: str | None = None
    rule_id: str | None = None


def replace(tx: Transaction, kind: Kind, found: Sequence[SetAsideRow], now: datetime) -> None:
    """Remember which rows of a kind are set aside now; each keeps the instant since when it is."""
    tx.run(
        """
        WITH found AS (
            SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS row (
                name text, reason text, firebase_uid text, symbol text, rule_id text)
        ), mended AS (
            DELETE FROM set_aside_rows
            WHERE kind = :kind AND name NOT IN (SELECT name FROM found)
        )
        INSERT INTO set_aside_rows AS known
            (kind, name, firebase_uid, symbol, rule_id, reason, since)
        SELECT :kind, name, firebase_uid, symbol, rule_id, reason, :now FROM found ORDER BY name
        ON CONFLICT (kind, name) DO UPDATE SET reason = excluded.reason
        """,
        kind=kind,
        rows=to_json([asdict(each) for each in found]),
        now=now,
    )


def add_users(tx: Transaction, reasons: Mapping[str, str], now: datetime) -> None:
    """Remember who could not be asked, and why; each keeps the instant since when it is so."""
    tx.run(
        """
        INSERT INTO set_aside_rows AS known (kind, name, firebase_uid, reason, since)
        SELECT 'user', uid, uid, reason, :now
        FROM unnest(CAST(:uids AS text[]), CAST(:reasons AS text[])) AS odd (uid, reason)
        ORDER BY uid
        ON CONFLICT (kind, name) DO UPDATE SET reason = excluded.reason
        """,
        uids=list(reasons),
        reasons=list(reasons.values()),
        now=now,
    )


def forget_users(tx: Transaction, audiences: Sequence[Audience]) -> None:
    """Forget of whom it was remembered: they could be asked again, or need not be."""
    tx.run(
        f"""
        DELETE FROM set_aside_rows r
        USING {RANGES} AS range (config_key, first_uid, last_uid), user_trading_config c
        WHERE r.kind = 'user' AND c.firebase_uid = r.name AND c.config_key = range.config_key
          AND r.name BETWEEN range.first_uid AND range.last_uid
        """,
        **range_values(audiences),
    )


def of_user(tx: Transaction, firebase_uid: str) -> list[Row]:
    """Return what of a user's is set aside."""
    return tx.rows(
        f"SELECT * FROM ({_EVERYTHING}) AS row WHERE firebase_uid = :uid"
        " ORDER BY kind, name LIMIT 100",
        uid=firebase_uid,
    )


def list_all(tx: Transaction, limit: int = 20) -> list[Row]:
    """Return what is set aside, the newest first."""
    return tx.rows(
        f"SELECT * FROM ({_EVERYTHING}) AS row ORDER BY since DESC, kind, name LIMIT :limit",
        limit=limit,
    )
