"""Stored market facts (`market_data_snapshots`) and when each input was last fetched."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from common.market import Metric, Snapshot
from infra.postgres.database import Transaction, to_json

Key = tuple[str, Metric, str]


def store(tx: Transaction, facts: Sequence[Snapshot], now: datetime) -> int:
    """Append the facts that are new, in one statement; return how many were."""
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
    return tx.run(
        """
        INSERT INTO market_data_snapshots
            (symbol, asset_class, feed, metric, price, volume, as_of, raw, created_at)
        SELECT symbol, asset_class, feed, metric, price, volume, as_of, raw, :now
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS fact (
            symbol text, asset_class text, feed text, metric text,
            price numeric, volume numeric, as_of timestamptz, raw jsonb)
        ON CONFLICT DO NOTHING
        """,
        rows=to_json(rows),
        now=now,
    )


def latest(tx: Transaction, keys: Iterable[Key]) -> dict[Key, Snapshot]:
    """Read the latest fact of each (symbol, metric, feed): one index descent per key."""
    wanted = [dict(zip(("symbol", "metric", "feed"), key, strict=True)) for key in set(keys)]
    rows = tx.rows(
        """
        SELECT fact.id, fact.symbol, fact.asset_class, fact.feed, fact.metric,
               fact.price, fact.volume, fact.as_of, fact.raw
        FROM jsonb_to_recordset(CAST(:wanted AS jsonb)) AS k (symbol text, metric text, feed text)
        CROSS JOIN LATERAL (
            SELECT * FROM market_data_snapshots s
            WHERE s.symbol = k.symbol AND s.metric = k.metric AND s.feed = k.feed
            ORDER BY s.as_of DESC LIMIT 1
        ) AS fact
        """,
        wanted=to_json(wanted),
    )
    return {(r["symbol"], r["metric"], r["feed"]): Snapshot(**r) for r in rows}


def last_fetches(tx: Transaction) -> dict[str, datetime]:
    """Read when each input was last fetched, by its key."""
    return {
        r["input_key"]: r["last_fetch_at"]
        for r in tx.rows("SELECT input_key, last_fetch_at FROM ingest_cursors")
    }


def mark_fetched(tx: Transaction, input_keys: Sequence[str], now: datetime) -> None:
    """Remember that these inputs were fetched."""
    tx.run(
        """
        INSERT INTO ingest_cursors (input_key, last_fetch_at)
        SELECT DISTINCT unnest(CAST(:keys AS text[])), CAST(:now AS timestamptz)
        ON CONFLICT (input_key) DO UPDATE
        SET last_fetch_at = greatest(ingest_cursors.last_fetch_at, excluded.last_fetch_at)
        """,
        keys=list(input_keys),
        now=now,
    )
