"""What the rules of the enabled configs last said, and how often they fired."""

from datetime import datetime

from infra.postgres.database import Row, Transaction


def statuses(tx: Transaction, limit: int) -> list[Row]:
    """Return each rule and symbol with its last outcome, and one of the users who have it."""
    return tx.rows(
        """
        SELECT r.config_key, r.rule_id, r.symbol, r.outcome, r.observed, r.asked, r.held_back,
               r.evaluated_at,
               (SELECT min(c.firebase_uid) FROM user_trading_config c
                WHERE c.enabled AND c.config_key = r.config_key) AS firebase_uid
        FROM rule_status r ORDER BY r.config_key, r.rule_id, r.symbol LIMIT :limit
        """,
        limit=limit,
    )


def fired_by_day(tx: Transaction, since: datetime) -> list[Row]:
    """Count by rule, symbol and New York's day how often a rule fired."""
    return tx.rows(
        """
        SELECT rule_id, symbol, CAST(fired_at AT TIME ZONE 'America/New_York' AS date) AS day,
               count(*) AS fired
        FROM opportunities WHERE fired_at >= :since
        GROUP BY rule_id, symbol, day
        """,
        since=since,
    )


def users(tx: Transaction, limit: int) -> list[str]:
    """Return the users who have a config, by name."""
    rows = tx.rows(
        "SELECT firebase_uid FROM user_trading_config ORDER BY firebase_uid LIMIT :limit",
        limit=limit,
    )
    return [row["firebase_uid"] for row in rows]
