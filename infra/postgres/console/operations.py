"""What an operator looks after: switches, what was given up, what differs, what was pushed."""

from datetime import datetime

from infra.postgres.database import Row, Transaction


def switches(tx: Transaction, now: datetime) -> list[Row]:
    """Return the switches that restrict trading now, everybody's first."""
    return tx.rows(
        """
        SELECT scope, state, reason, set_by, set_at, until FROM trading_controls
        WHERE state <> 'active' AND (until IS NULL OR until > :now)
        ORDER BY scope <> '*', set_at DESC LIMIT 50
        """,
        now=now,
    )


def switch_history(tx: Transaction, limit: int) -> list[Row]:
    """Return who turned a switch last, and why, newest first."""
    return tx.rows(
        "SELECT scope, state, reason, set_by, set_at FROM trading_control_changes"
        " ORDER BY id DESC LIMIT :limit",
        limit=limit,
    )


def open_dead_letters(tx: Transaction, limit: int) -> list[Row]:
    """Return the messages that were given up and not retried since, newest first."""
    return tx.rows(
        """
        SELECT id, consumer, topic, error, attempts, created_at FROM dead_letters
        WHERE retried_at IS NULL ORDER BY id DESC LIMIT :limit
        """,
        limit=limit,
    )


def drifts(tx: Transaction) -> list[Row]:
    """Return the symbols of which the broker's records and ours differ."""
    return tx.rows(
        "SELECT symbol, ours, brokers, found_at FROM position_drifts ORDER BY symbol LIMIT 50"
    )


def pushes(tx: Transaction, limit: int) -> list[Row]:
    """Return the newest pushes of KPI snapshots, and what became of them."""
    return tx.rows(
        """
        SELECT report_date, updated_at, result, body_bytes, error FROM snapshot_pushes
        ORDER BY updated_at DESC, id DESC LIMIT :limit
        """,
        limit=limit,
    )


def last_runs(tx: Transaction) -> dict[str, tuple[datetime | None, str]]:
    """Return by function when a run last left something behind, and what came of it.

    None where nothing of it is stored. A reconciliation leaves the account's equity, once a
    quarter hour; the relay what it published.
    """
    found = tx.rows(
        """
        SELECT (SELECT max(last_fetch_at) FROM ingest_cursors) AS fetched_at,
               (SELECT max(read_at) FROM account_equity) AS read_at,
               (SELECT max(published_at) FROM outbox WHERE published_at IS NOT NULL) AS relayed_at
        """
    )[0]
    pushed = [(each["updated_at"], each["result"]) for each in pushes(tx, 1)]
    return {
        "ingest": (found["fetched_at"], "prices fetched"),
        "reconcile_orders": (found["read_at"], "equity read, once a quarter hour"),
        "relay_outbox": (found["relayed_at"], "messages published"),
        "push_snapshot": pushed[0] if pushed else (None, ""),
    }
