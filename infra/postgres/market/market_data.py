"""Stored market facts (`market_data_snapshots`) and when each input was last fetched."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from common.market import Metric, Snapshot
from infra.postgres.database import Transaction, to_json

MarketDataKey = tuple[str, Metric, str]

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


def latest(
    tx: Transaction, needs: Mapping[MarketDataKey, int]
) -> dict[MarketDataKey, tuple[Snapshot, ...]]:
    """Read the newest `count` facts per (symbol, metric, feed), oldest first.

    One index descent per key; a key of which nothing is known is absent.
    """
    wanted = [
        {"symbol": symbol, "metric": metric, "feed": feed, "wanted": count}
        for (symbol, metric, feed), count in needs.items()
    ]
    rows = tx.rows(
        """
        SELECT fact.id, fact.symbol, fact.asset_class, fact.feed, fact.metric,
               fact.price, fact.volume, fact.as_of, fact.raw
        FROM jsonb_to_recordset(CAST(:wanted AS jsonb))
            AS k (symbol text, metric text, feed text, wanted integer)
        CROSS JOIN LATERAL (
            SELECT * FROM market_data_snapshots s
            WHERE s.symbol = k.symbol AND s.metric = k.metric AND s.feed = k.feed
            ORDER BY s.as_of DESC LIMIT k.wanted
        ) AS fact
        ORDER BY fact.as_of
        """,
        wanted=to_json(wanted),
    )
    found: dict[MarketDataKey, list[Snapshot]] = {}
    for r in rows:
        found.setdefault((r["symbol"], r["metric"], r["feed"]), []).append(Snapshot(**r))
    return {key: tuple(facts) for key, facts in found.items()}


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
        SELECT DISTINCT unnest(CAST(:keys AS text[])), CAST(:now AS timestamptz) ORDER BY 1
        ON CONFLICT (input_key) DO UPDATE
        SET last_fetch_at = greatest(ingest_cursors.last_fetch_at, excluded.last_fetch_at)
        """,
        keys=list(input_keys),
        now=now,
    )
