"""Differences between the broker's records and ours: what is stored of them, and explains them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from common.holdings.drift import Drift
from common.holdings.positions import Execution
from infra.postgres.database import Transaction, to_json
from infra.postgres.trading.adjustments import Owned


def manual_holdings(tx: Transaction) -> dict[str, Decimal]:
    """Read what is held beside our users' positions, by symbol as the broker lists it."""
    return {r["symbol"]: r["qty"] for r in tx.rows("SELECT symbol, qty FROM manual_holdings")}


def set_manual_holding(tx: Transaction, symbol: str, qty: Decimal, now: datetime) -> None:
    """Store what is held of a symbol beside our users' positions."""
    tx.run(
        """
        INSERT INTO manual_holdings (symbol, qty, updated_at) VALUES (:symbol, :qty, :now)
        ON CONFLICT (symbol) DO UPDATE
        SET (qty, updated_at) = (excluded.qty, excluded.updated_at)
        """,
        symbol=symbol,
        qty=qty,
        now=now,
    )


def was_restated(tx: Transaction, symbol: str, since: datetime) -> bool:
    """Return whether the shares of a symbol became others after an instant."""
    return bool(
        tx.rows(
            "SELECT 1 FROM corporate_actions WHERE coalesce(new_symbol, symbol) = :symbol"
            " AND effect = 'shares' AND applied_at > :since",
            symbol=symbol,
            since=since,
        )
    )


def store(tx: Transaction, found: Sequence[Drift], moving: Sequence[str], now: datetime) -> None:
    """Replace the differences of the last reconciliation; what moves stays as it was found."""
    tx.run(
        "DELETE FROM position_drifts WHERE symbol <> ALL(CAST(:moving AS text[]))",
        moving=list(moving),
    )
    rows = [{"symbol": d.symbol, "ours": d.ours, "brokers": d.brokers} for d in found]
    tx.run(
        """
        INSERT INTO position_drifts (symbol, ours, brokers, found_at)
        SELECT symbol, ours, brokers, :now
        FROM jsonb_to_recordset(CAST(:rows AS jsonb))
            AS drift (symbol text, ours numeric, brokers numeric)
        ON CONFLICT (symbol) DO UPDATE
        SET (ours, brokers, found_at) = (excluded.ours, excluded.brokers, excluded.found_at)
        """,
        rows=to_json(rows),
        now=now,
    )


def unexplained(tx: Transaction) -> list[Drift]:
    """Read the differences that the last reconciliation left."""
    return [
        Drift(**row)
        for row in tx.rows("SELECT symbol, ours, brokers FROM position_drifts ORDER BY symbol")
    ]


def remove(tx: Transaction, symbol: str) -> None:
    """Forget the difference of a symbol: it is explained."""
    tx.run("DELETE FROM position_drifts WHERE symbol = :symbol", symbol=symbol)


def new_manual_fills(tx: Transaction, executions: Sequence[Execution]) -> list[Execution]:
    """Keep the executions that no order of ours made, and that were not booked before."""
    rows = tx.rows(
        """
        SELECT given.id FROM jsonb_to_recordset(CAST(:executions AS jsonb))
            AS given (id text, order_id text)
        WHERE NOT EXISTS (SELECT FROM manual_fills m WHERE m.activity_id = given.id)
          AND NOT EXISTS (SELECT FROM trade_orders o WHERE o.alpaca_order_id = given.order_id)
        """,
        executions=to_json([{"id": each.id, "order_id": each.order_id} for each in executions]),
    )
    wanted = {row["id"] for row in rows}
    return [each for each in executions if each.id in wanted]


def store_manual_fills(tx: Transaction, fills: Sequence[Execution]) -> None:
    """Remember that these were booked."""
    for each in fills:
        tx.run(
            """
            INSERT INTO manual_fills (activity_id, symbol, qty, price, filled_at)
            VALUES (:id, :symbol, :qty, :price, :at)
            """,
            id=each.id,
            symbol=each.symbol,
            qty=each.qty,
            price=each.price,
            at=each.at,
        )


def bought(tx: Transaction, held: Sequence[Owned]) -> tuple[Decimal, Decimal]:
    """Sum what open trades bought, and what was charged in the coin for it."""
    row: Mapping[str, Decimal] = tx.rows(
        """
        SELECT coalesce((SELECT sum(qty) FROM trade_fills
                         WHERE trade_id = ANY(CAST(:ids AS integer[])) AND qty > 0), 0) AS bought,
               coalesce((SELECT sum(qty_before - qty_after) FROM position_adjustments
                         WHERE trade_id = ANY(CAST(:ids AS integer[])) AND kind = 'coin_fee'), 0)
                   AS charged
        """,
        ids=[each.trade.id for each in held],
    )[0]
    return row["bought"], row["charged"]
