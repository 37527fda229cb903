"""How far today's work has come, step by step, and what stands still."""

from datetime import datetime, timedelta

from common.market import trading_day_start
from infra.postgres.database import Row, Transaction
from infra.postgres.trading.order_columns import IS_OPEN

# What takes longer than this waits for something.
_STUCK_AFTER = timedelta(minutes=2)
_SHOWN = 20


def counts(tx: Transaction, now: datetime) -> Row:
    """Count what each step has done since New York's midnight, and what waits there now."""
    return tx.rows(
        f"""
        SELECT (SELECT count(*) FROM market_data_snapshots WHERE created_at >= :midnight) AS facts,
               (SELECT count(*) FROM opportunities WHERE fired_at >= :midnight) AS opportunities,
               questions.asked, questions.approved, questions.rejected, questions.expired,
               waiting.pending, orders.orders, orders.denied, orders.open, orders.filled,
               (SELECT count(*) FROM trades
                WHERE opened_at >= :midnight OR closed_at >= :midnight) AS trades
        FROM (SELECT count(*) AS asked,
                     count(*) FILTER (WHERE status = 'approve') AS approved,
                     count(*) FILTER (WHERE status = 'reject') AS rejected,
                     count(*) FILTER (WHERE status = 'expired') AS expired
              FROM confirmations WHERE asked_at >= :midnight) AS questions,
             (SELECT count(*) AS pending FROM confirmations
              WHERE status = 'pending' AND expires_at >= :now) AS waiting,
             (SELECT count(*) AS orders,
                     count(*) FILTER (WHERE status = 'denied') AS denied,
                     count(*) FILTER (WHERE status = 'filled') AS filled,
                     count(*) FILTER (WHERE {IS_OPEN}) AS open
              FROM trade_orders WHERE created_at >= :midnight) AS orders
        """,
        midnight=trading_day_start(now),
        now=now,
    )[0]


def last_tick(tx: Transaction) -> Row:
    """Return when market data was last fetched and rules were last evaluated."""
    return tx.rows(
        """
        SELECT (SELECT max(last_fetch_at) FROM ingest_cursors) AS ingested_at,
               (SELECT max(evaluated_at) FROM rule_status) AS evaluated_at
        """
    )[0]


def stuck_orders(tx: Transaction, now: datetime) -> list[Row]:
    """Return the orders that no status has moved for a while, or whose outcome is unknown."""
    return tx.rows(
        f"""
        SELECT id, firebase_uid, symbol, side, status, updated_at, outcome_unknown_at
        FROM trade_orders
        WHERE {IS_OPEN} AND (outcome_unknown_at IS NOT NULL
            OR status IN ('approved', 'submitting') AND updated_at < :before)
        ORDER BY created_at LIMIT {_SHOWN}
        """,
        before=now - _STUCK_AFTER,
    )


def unpublished(tx: Transaction, now: datetime) -> list[Row]:
    """Return by topic how many messages wait in the outbox for longer than publishing takes."""
    return tx.rows(
        """
        SELECT topic, count(*) AS waiting, min(created_at) AS oldest_at FROM outbox
        WHERE published_at IS NULL GROUP BY topic HAVING min(created_at) < :before ORDER BY topic
        """,
        before=now - _STUCK_AFTER,
    )


def active_users(tx: Transaction, limit: int) -> list[str]:
    """Return users with an enabled config, those who ordered last first.

    Only the newest orders are looked at: the statement does not grow with all users.
    """
    rows = tx.rows(
        """
        SELECT firebase_uid, max(at) AS at FROM (
            (SELECT firebase_uid, reserved_at AS at FROM trade_orders
             WHERE reserved_at IS NOT NULL ORDER BY reserved_at DESC LIMIT 100)
            UNION ALL
            (SELECT firebase_uid, NULL FROM user_trading_config
             WHERE enabled ORDER BY firebase_uid LIMIT :limit)
        ) AS users
        GROUP BY firebase_uid ORDER BY at DESC NULLS LAST, firebase_uid LIMIT :limit
        """,
        limit=limit,
    )
    return [row["firebase_uid"] for row in rows]
