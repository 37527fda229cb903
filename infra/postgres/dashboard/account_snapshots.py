"""What was read of the account for the KPIs: its equity, and the quotes of what is held."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from common.market import CRYPTO_FEED, Quote
from infra.postgres.database import Transaction, to_json

_QUARTER_HOUR = "date_bin('15 minutes', CAST(:now AS timestamptz), TIMESTAMPTZ '2000-01-01 00:00Z')"


def is_due(tx: Transaction, now: datetime) -> bool:
    """Return whether this quarter of an hour has no reading yet."""
    return not tx.rows(
        f"SELECT 1 FROM account_equity WHERE quarter_hour = {_QUARTER_HOUR}", now=now
    )


def held_symbols(tx: Transaction, stock_feed: str) -> dict[str, list[str]]:
    """Read which stocks and crypto pairs anybody holds, by the feed that quotes them."""
    held: dict[str, list[str]] = {}
    for row in tx.rows(
        """
        SELECT DISTINCT symbol, asset_class FROM trades
        WHERE closed_at IS NULL AND asset_class <> 'us_option' ORDER BY symbol
        """
    ):
        feed = CRYPTO_FEED if row["asset_class"] == "crypto" else stock_feed
        held.setdefault(feed, []).append(row["symbol"])
    return held


def store_equity(tx: Transaction, equity: Decimal, now: datetime) -> None:
    """Keep the first reading of a quarter of an hour."""
    tx.run(
        f"""
        INSERT INTO account_equity (quarter_hour, equity, read_at)
        VALUES ({_QUARTER_HOUR}, :equity, :now) ON CONFLICT DO NOTHING
        """,
        equity=equity,
        now=now,
    )


def store_quotes(tx: Transaction, quotes: Sequence[Quote]) -> None:
    """Keep the quotes that have two sides, and are not crossed."""
    rows = [
        {"symbol": each.symbol, "as_of": each.as_of, "bid": each.bid, "ask": each.ask}
        for each in quotes
        if each.mid is not None and not each.is_crossed
    ]
    tx.run(
        """
        INSERT INTO position_quotes (symbol, as_of, bid, ask)
        SELECT symbol, as_of, bid, ask
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS quote (
            symbol text, as_of timestamptz, bid numeric, ask numeric)
        ORDER BY symbol, as_of
        ON CONFLICT DO NOTHING
        """,
        rows=to_json(rows),
    )
