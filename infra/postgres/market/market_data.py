"""Stored market facts (`market_data_snapshots`) and when each input was last fetched."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from common.market import Metric, Snapshot
from infra.postgres import instants
from infra.postgres.database import Transaction, to_json

MarketDataKey = tuple[str, Metric, str]
Cursors = Mapping[str, datetime]  # when each was last fetched

# A year's history of a thousand symbols is some fifty of these.
_AT_ONCE = 5_000


def store(tx: Transaction, facts: Sequence[Snapshot], now: datetime) -> int:
    """Append the facts that are new; return how many were."""
    return sum(
        _store(tx, facts[start : start + _AT_ONCE], now) for start in range(0, len(facts), _AT_ONCE)
    )


def _store(tx: Transaction, facts: Sequence[Snapshot], now: datetime) -> int:
    rows = [
        {
            "symbol": fact.symbol,
            "asset_class": fact.asset_class,
            "feed": fact.feed,
            "metric": fact.metric,
            "price": fact.price,
            "volume": fact.volume,
            "as_of": fact.as_of,
            "raw": fact.raw,
        }
        for fact in facts
    ]
    _correct(tx, rows, now)
    return tx.run(
        """
        INSERT INTO market_data_snapshots
            (symbol, asset_class, feed, metric, price, volume, as_of, raw, created_at)
        SELECT symbol, asset_class, feed, metric, price, volume, as_of, raw, :now
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS fact (
            symbol text, asset_class text, feed text, metric text,
            price numeric, volume numeric, as_of timestamptz, raw jsonb)
        ORDER BY symbol, metric, feed, as_of  -- two instances must not lock in opposite order
        ON CONFLICT DO NOTHING
        """,
        rows=to_json(rows),
        now=now,
    )


def _correct(tx: Transaction, rows: Sequence[Mapping[str, object]], now: datetime) -> None:
    """Correct the stored bars that the feed has corrected, and keep what they said before.

    Of the running day's bar every look is a fact of its own; these are of days and minutes that
    are over.
    """
    tx.run(
        """
        WITH corrected AS (
            SELECT s.id, s.price AS old_price, s.volume AS old_volume, s.raw AS old_raw,
                   fact.price, fact.volume, fact.raw
            FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS fact (
                symbol text, feed text, metric text, price numeric, volume numeric,
                as_of timestamptz, raw jsonb)
            JOIN market_data_snapshots s
              ON s.symbol = fact.symbol AND s.metric = fact.metric AND s.feed = fact.feed
             AND s.as_of = fact.as_of
            WHERE fact.metric IN ('prev_close', 'daily_close', 'minute_bar')
              AND (s.price, s.volume) IS DISTINCT FROM (fact.price, fact.volume)
        ), kept AS (
            INSERT INTO market_data_corrections (snapshot_id, price, volume, raw, corrected_at)
            SELECT id, old_price, old_volume, old_raw, :now FROM corrected
        )
        UPDATE market_data_snapshots s SET (price, volume, raw) = (c.price, c.volume, c.raw)
        FROM corrected c WHERE s.id = c.id
        """,
        rows=to_json(rows),
        now=now,
    )


def latest(
    tx: Transaction, needs: Mapping[MarketDataKey, int]
) -> dict[MarketDataKey, tuple[Snapshot, ...]]:
    """Read the newest `count` facts per (symbol, metric, feed), oldest first, on today's basis.

    One index descent per key; a key of which nothing is known is absent. What was stored before a
    split is restated for it; `raw` stays what the broker sent.
    """
    wanted = [
        {"symbol": symbol, "metric": metric, "feed": feed, "wanted": count}
        for (symbol, metric, feed), count in needs.items()
    ]
    rows = tx.rows(
        f"""
        SELECT fact.id, fact.symbol, fact.asset_class, fact.feed, fact.metric,
               coalesce(fact.price * basis.ratio, fact.price) AS price,
               coalesce(fact.volume * basis.shares, fact.volume) AS volume, fact.as_of, fact.raw
        FROM jsonb_to_recordset(CAST(:wanted AS jsonb))
            AS k (symbol text, metric text, feed text, wanted integer)
        CROSS JOIN LATERAL (
            SELECT * FROM market_data_snapshots s
            WHERE s.symbol = k.symbol AND s.metric = k.metric
              -- Beyond these years nothing can be computed, nor read. The order by feed, too,
              -- leaves the planner no index but that of the key.
              AND (s.feed, s.as_of) BETWEEN (k.feed, {instants.FIRST}) AND (k.feed, {instants.LAST})
            ORDER BY s.feed DESC, s.as_of DESC LIMIT k.wanted
        ) AS fact
        LEFT JOIN LATERAL (
            SELECT utils_statistics.product(a.old_rate) / utils_statistics.product(a.new_rate)
                       AS ratio,
                   utils_statistics.product(a.new_rate / a.old_rate)
                       FILTER (WHERE a.effect = 'shares') AS shares
            FROM corporate_actions a
            WHERE a.symbol = fact.symbol AND a.effect IN ('shares', 'price')
              AND a.applied_at IS NOT NULL
              AND a.ex_date > CAST(fact.as_of AT TIME ZONE 'America/New_York' AS date)
            HAVING count(*) > 0
        ) AS basis ON true
        ORDER BY fact.as_of
        """,
        wanted=to_json(wanted),
    )
    found: dict[MarketDataKey, list[Snapshot]] = {}
    for r in rows:
        found.setdefault((r["symbol"], r["metric"], r["feed"]), []).append(Snapshot(**r))
    return {key: tuple(facts) for key, facts in found.items()}


def last_fetches(tx: Transaction, now: datetime) -> Cursors:
    """Read when each input was last fetched, by its key.

    An instant that no clock of ours can have written is none: the input is due.
    """
    rows = tx.rows(
        f"""
        SELECT input_key, last_fetch_at FROM ingest_cursors
        WHERE last_fetch_at {instants.HAS_COME}
        """,
        now=now,
    )
    return {row["input_key"]: row["last_fetch_at"] for row in rows}


def mark_fetched(tx: Transaction, input_keys: Sequence[str], now: datetime) -> None:
    """Remember that these inputs were fetched."""
    tx.run(
        """
        INSERT INTO ingest_cursors (input_key, last_fetch_at)
        SELECT DISTINCT unnest(CAST(:keys AS text[])), CAST(:now AS timestamptz) ORDER BY 1
        ON CONFLICT (input_key) DO UPDATE
        SET last_fetch_at = CASE
            WHEN ingest_cursors.last_fetch_at < excluded.last_fetch_at + interval '1 day'
            THEN greatest(ingest_cursors.last_fetch_at, excluded.last_fetch_at)
            ELSE excluded.last_fetch_at END
        """,
        keys=list(input_keys),
        now=now,
    )
