"""What stands in for the broker in test mode: fixture prices, and orders filled at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from infra.postgres.database import Transaction, to_json


@dataclass(frozen=True)
class Fixture:
    """A symbol's market (USD, units)."""

    symbol: str
    price: Decimal
    prev_close: Decimal
    volume: Decimal


@dataclass(frozen=True)
class FakeOrder:
    """A fill that happened in our records only; `signed_qty` is below zero for a sale."""

    id: str
    client_order_id: str
    symbol: str
    signed_qty: Decimal
    price: Decimal
    document: Mapping[str, Any]


def replace(tx: Transaction, fixtures: Sequence[Fixture], now: datetime) -> None:
    """Make these the whole market."""
    tx.run("DELETE FROM market_fixtures")
    tx.run(
        """
        INSERT INTO market_fixtures (symbol, price, prev_close, volume, updated_at)
        SELECT symbol, price, prev_close, volume, :now
        FROM jsonb_to_recordset(CAST(:rows AS jsonb))
            AS f (symbol text, price numeric, prev_close numeric, volume numeric)
        """,
        rows=to_json([vars(each) for each in fixtures]),
        now=now,
    )


def of_symbols(tx: Transaction, symbols: Sequence[str]) -> list[Fixture]:
    """Read the fixtures of these symbols; a symbol without one is absent."""
    rows = tx.rows(
        """
        SELECT symbol, price, prev_close, volume FROM market_fixtures
        WHERE symbol = ANY(CAST(:symbols AS text[])) ORDER BY symbol
        """,
        symbols=list(symbols),
    )
    return [Fixture(**row) for row in rows]


def list_all(tx: Transaction) -> list[Fixture]:
    """Read the whole market."""
    rows = tx.rows("SELECT symbol, price, prev_close, volume FROM market_fixtures ORDER BY symbol")
    return [Fixture(**row) for row in rows]


def add_order(tx: Transaction, order: FakeOrder, now: datetime) -> bool:
    """Store an order; False when its client order id is taken."""
    added = tx.run(
        """
        INSERT INTO fake_orders
            (id, client_order_id, symbol, signed_qty, price, document, submitted_at)
        VALUES (:id, :client_order_id, :symbol, :signed_qty, :price, CAST(:document AS jsonb), :now)
        ON CONFLICT (client_order_id) DO NOTHING
        """,
        **{**vars(order), "document": to_json(order.document)},
        now=now,
    )
    return added == 1


def order_by_client_id(tx: Transaction, client_order_id: str) -> dict[str, Any] | None:
    """Read an order as the broker would show it."""
    row = tx.row("SELECT document FROM fake_orders WHERE client_order_id = :id", id=client_order_id)
    return row["document"] if row else None


def orders_since(tx: Transaction, after: datetime, limit: int) -> list[dict[str, Any]]:
    """Read the orders submitted after an instant, oldest first."""
    rows = tx.rows(
        """
        SELECT document FROM fake_orders WHERE submitted_at > :after
        ORDER BY submitted_at, id LIMIT :limit
        """,
        after=after,
        limit=limit,
    )
    return [row["document"] for row in rows]


def positions(tx: Transaction) -> dict[str, Decimal]:
    """Sum what the orders left held: signed units by symbol, without what is flat."""
    rows = tx.rows(
        """
        SELECT symbol, sum(signed_qty) AS qty FROM fake_orders
        GROUP BY symbol HAVING sum(signed_qty) <> 0 ORDER BY symbol
        """
    )
    return {row["symbol"]: row["qty"] for row in rows}
