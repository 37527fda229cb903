"""Stored prices as a chart shows them: what was known, and when."""

from datetime import datetime

from infra.postgres.database import Row, Transaction


def watched(tx: Transaction, since: datetime, limit: int) -> list[Row]:
    """Return the symbols with trades since an instant, each with its latest price and close.

    `price` and `prev_close` in USD; `prev_close` is None where none is stored.
    """
    return tx.rows(
        """
        SELECT latest.symbol, latest.asset_class, latest.feed, latest.price, latest.as_of,
               (SELECT price FROM market_data_snapshots s
                WHERE s.symbol = latest.symbol AND s.metric = 'prev_close'
                  AND s.feed = latest.feed ORDER BY s.as_of DESC LIMIT 1) AS prev_close
        FROM (SELECT DISTINCT ON (symbol) symbol, asset_class, feed, price, as_of
              FROM market_data_snapshots
              WHERE metric = 'last_trade' AND created_at >= :since
              ORDER BY symbol, as_of DESC) AS latest
        ORDER BY latest.symbol LIMIT :limit
        """,
        since=since,
        limit=limit,
    )


def series(tx: Transaction, symbol: str, since: datetime, until: datetime) -> list[Row]:
    """Return a symbol's trades between two instants (both included), oldest first."""
    return tx.rows(
        """
        SELECT as_of, price FROM (
            SELECT as_of, max(price) AS price FROM market_data_snapshots
            WHERE symbol = :symbol AND metric = 'last_trade' AND price IS NOT NULL
              AND as_of BETWEEN :since AND :until
            GROUP BY as_of ORDER BY as_of DESC LIMIT 500
        ) AS newest ORDER BY as_of
        """,
        symbol=symbol,
        since=since,
        until=until,
    )


def firings(tx: Transaction, symbol: str, since: datetime) -> list[Row]:
    """Return when rules fired on a symbol, each instant once however many users it was for."""
    return tx.rows(
        """
        SELECT rule_id, as_of, min(price) AS price FROM opportunities
        WHERE symbol = :symbol AND fired_at >= :since
        GROUP BY rule_id, as_of ORDER BY as_of LIMIT 100
        """,
        symbol=symbol,
        since=since,
    )
