"""Ingest lag, rule fires and order latency, which logs carry as metrics, from what is stored."""

from datetime import datetime, timedelta

from common.market import trading_day, trading_day_start
from infra.postgres.database import Row, Transaction

# The worker of the streams counts several times a minute.
_COUNTED_LATELY = timedelta(seconds=30)


def ingest_lag(tx: Transaction, now: datetime) -> float | None:
    """Return for how many seconds the most overdue input has been due; None without any fetch."""
    lag: float | None = tx.rows(
        """
        SELECT CAST(max(greatest(0, extract(epoch FROM :now - c.last_fetch_at)
                                    - i.poll_interval_seconds)) AS double precision) AS seconds
        FROM (SELECT DISTINCT input_key, poll_interval_seconds FROM config_inputs) AS i
        JOIN ingest_cursors c USING (input_key)
        """,
        now=now,
    )[0]["seconds"]
    return lag


def streamed(tx: Transaction, now: datetime) -> Row:
    """Return for how many seconds nothing was stored of the streams of `prices` and `orders`.

    None where the worker of the streams never was; of orders it says so a few times a minute.
    """
    return tx.rows(
        """
        SELECT CAST(extract(epoch FROM :now - max(last_fetch_at)) AS double precision) AS prices,
               (SELECT CAST(extract(epoch FROM :now - seen_at) AS double precision)
                FROM order_tracking WHERE source = 'stream' AND seen_at <= :now) AS orders
        FROM ingest_cursors WHERE starts_with(input_key, 'stream ') AND last_fetch_at <= :now
        """,
        now=now,
    )[0]


def stream_counts(tx: Transaction, now: datetime) -> Row:
    """Return messages `per_second` of prices, and today's `dropped` minutes and `reconnects`.

    The rate is None where nobody has counted lately.
    """
    return tx.rows(
        """
        SELECT max(messages_per_second) FILTER (WHERE counted_at >= :lately) AS per_second,
               coalesce(max(dropped) FILTER (WHERE day = :today), 0) AS dropped,
               coalesce(max(reconnects) FILTER (WHERE day = :today), 0) AS reconnects
        FROM stream_counts
        """,
        lately=now - _COUNTED_LATELY,
        today=trading_day(now),
    )[0]


def rule_fires(tx: Transaction, now: datetime) -> int:
    """Count how often rules fired since New York's midnight, whether anybody could be asked."""
    fires: int = tx.rows(
        "SELECT coalesce(sum(fires), 0) AS fires FROM rule_status WHERE evaluated_at >= :midnight",
        midnight=trading_day_start(now),
    )[0]["fires"]
    return fires


def order_latency(tx: Transaction, now: datetime) -> Row:
    """Return median and longest seconds of today's orders: yes to accepted, accepted to filled."""
    return tx.rows(
        """
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY accepted) AS accept_median,
               max(accepted) AS accept_longest,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY filled) AS fill_median,
               max(filled) AS fill_longest
        FROM (SELECT CAST(greatest(0, extract(epoch FROM submitted_at - created_at))
                          AS double precision) AS accepted,
                     CASE WHEN filled_at IS NOT NULL
                          THEN CAST(greatest(0, extract(epoch FROM filled_at - submitted_at))
                                    AS double precision) END AS filled
              FROM trade_orders WHERE created_at >= :midnight AND submitted_at IS NOT NULL) AS today
        """,
        midnight=trading_day_start(now),
    )[0]
