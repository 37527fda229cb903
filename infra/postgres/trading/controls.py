"""The kill switch: rows that are read inside the reserving transaction, and their history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common.guardrails.facts import Control, Denied, TradingState
from common.market import next_trading_day_start
from infra.postgres.database import Transaction, to_json

EVERYBODY = "*"
_STANDS = "state <> 'active' AND (until IS NULL OR until > :now)"


@dataclass(frozen=True)
class ControlChange:
    """One turn of the switch: for whom, to what, why, by whom, and until when."""

    scope: str
    state: TradingState
    reason: str
    set_by: str
    until: datetime | None = None


def active_controls(tx: Transaction, firebase_uid: str, now: datetime) -> tuple[Control, ...]:
    """Read what stands against a user's trading now: everybody's switch, then their own."""
    rows = tx.rows(
        f"""
        SELECT CAST(:uid AS text) AS firebase_uid, state, reason FROM trading_controls
        WHERE scope IN (:everybody, :uid) AND {_STANDS}
        ORDER BY scope <> :everybody
        """,
        everybody=EVERYBODY,
        uid=firebase_uid,
        now=now,
    )
    return tuple(Control(row["state"], row["reason"]) for row in rows)


def of_everybody(tx: Transaction, now: datetime) -> tuple[Control, ...]:
    """Read what stands against everybody's trading now."""
    rows = tx.rows(
        f"SELECT state, reason FROM trading_controls WHERE scope = :everybody AND {_STANDS}",
        everybody=EVERYBODY,
        now=now,
    )
    return tuple(Control(**row) for row in rows)


def own_of_each(tx: Transaction, uids: Sequence[str], now: datetime) -> dict[str, Control]:
    """Read what stands against each of these users alone; who trades freely is left out."""
    rows = tx.rows(
        f"""
        SELECT scope AS firebase_uid, state, reason FROM trading_controls
        WHERE scope = ANY(CAST(:uids AS text[])) AND {_STANDS}
        """,
        uids=list(uids),
        now=now,
    )
    return {row["firebase_uid"]: Control(row["state"], row["reason"]) for row in rows}


def is_known(tx: Transaction, firebase_uid: str) -> bool:
    """Tell whether there is such a user, or was one whose switch still stands."""
    found = tx.rows(
        "SELECT 1 FROM users WHERE firebase_uid = :uid"
        " UNION ALL SELECT 1 FROM trading_controls WHERE scope = :uid",
        uid=firebase_uid,
    )
    return bool(found)


def breaker(firebase_uid: str, denied: Denied, now: datetime) -> ControlChange:
    """Let positions only shrink for the rest of the trading day, after what the user lost."""
    why, until = f"daily loss limit: {denied.reason}", next_trading_day_start(now)
    return ControlChange(firebase_uid, "reducing", why, "breaker", until)


def restrict(tx: Transaction, changes: Sequence[ControlChange], now: datetime) -> None:
    """Turn the switches that are not halted already, and write down who did and why.

    A breaker never loosens a person's decision.
    """
    tx.run(
        """
        WITH changed AS (
            INSERT INTO trading_controls AS c (scope, state, reason, set_by, set_at, until)
            SELECT scope, state, reason, set_by, :now, until
            FROM jsonb_to_recordset(CAST(:changes AS jsonb)) AS change (
                scope text, state text, reason text, set_by text, until timestamptz)
            ORDER BY scope
            ON CONFLICT (scope) DO UPDATE
            SET state = excluded.state, reason = excluded.reason, set_by = excluded.set_by,
                set_at = excluded.set_at, until = excluded.until
            WHERE c.state <> 'halted' OR c.until <= :now
            RETURNING scope, state, reason, set_by, set_at, until
        )
        INSERT INTO trading_control_changes (scope, state, reason, set_by, set_at, until)
        SELECT scope, state, reason, set_by, set_at, until FROM changed
        """,
        changes=to_json([vars(change) for change in changes]),
        now=now,
    )


def set_control(tx: Transaction, change: ControlChange, now: datetime) -> None:
    """Set the switch, and write down who did and why."""
    values = vars(change) | {"now": now}
    tx.run(
        """
        INSERT INTO trading_controls (scope, state, reason, set_by, set_at, until)
        VALUES (:scope, :state, :reason, :set_by, :now, :until)
        ON CONFLICT (scope) DO UPDATE
        SET state = excluded.state, reason = excluded.reason, set_by = excluded.set_by,
            set_at = excluded.set_at, until = excluded.until
        """,
        **values,
    )
    tx.run(
        """
        INSERT INTO trading_control_changes (scope, state, reason, set_by, set_at, until)
        VALUES (:scope, :state, :reason, :set_by, :now, :until)
        """,
        **values,
    )
