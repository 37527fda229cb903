"""Fills, and the trades that they make."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from common.holdings.positions import Fill, Trade, TradeChange, apply_fill
from common.orders.broker_order import BrokerOrder
from common.orders.order import Order
from common.orders.status import APPROVED
from common.rules.base import Position
from infra.postgres.database import Row, Transaction
from infra.postgres.trading import orders
from infra.postgres.trading.adjustments import IS_SOUND
from infra.postgres.trading.order_columns import IS_OPEN
from infra.postgres.users.set_aside_rows import SetAsideRow


def record(
    tx: Transaction, order_id: UUID, broker_order: BrokerOrder, now: datetime
) -> Order | None:
    """Store the broker's report on an order and book what it filled.

    Returns how the order stands now, None when nothing changed.
    """
    order = orders.lock(tx, order_id)
    update = broker_order.update_of(order)
    if update is None:
        return None
    fill = update.fill_since(order, now)
    if fill is not None:
        fill_id = _store_fill(tx, order, fill)
        for part in apply_fill(_open_trade(tx, order), fill):
            _store_part(tx, order, part, fill_id)
    return orders.record(tx, order, update, now)


def held_in_range(
    tx: Transaction, config_key: str, first_uid: str, last_uid: str
) -> dict[str, list[Position]]:
    """Read the distinct positions that a range of the users of a config hold, by symbol."""
    held: dict[str, list[Position]] = {}
    for row in tx.rows(
        f"""
        SELECT DISTINCT t.symbol, t.qty, t.avg_entry_price, NOT EXISTS (
                   SELECT FROM corporate_actions a
                   WHERE a.symbol = t.symbol AND a.effect = 'unexplained'
                     AND a.resolved_at IS NULL
                     AND t.opened_at < a.ex_date AT TIME ZONE 'America/New_York'
               ) AS is_explained
        FROM trades t JOIN user_trading_config c USING (firebase_uid)
        WHERE c.enabled AND c.config_key = :config_key AND t.closed_at IS NULL AND {IS_SOUND}
          AND c.firebase_uid BETWEEN :first_uid AND :last_uid
        ORDER BY t.symbol, t.avg_entry_price, t.qty
        """,
        config_key=config_key,
        first_uid=first_uid,
        last_uid=last_uid,
    ):
        held.setdefault(row.pop("symbol"), []).append(Position(**row))
    return held


def totals(tx: Transaction) -> dict[str, Decimal]:
    """Sum what all users hold: signed units by symbol, written as the broker lists positions."""
    rows = tx.rows(
        "SELECT replace(symbol, '/', '') AS symbol, sum(qty) AS qty FROM trades t"
        f" WHERE closed_at IS NULL AND {IS_SOUND} GROUP BY 1"
    )
    return {row["symbol"]: row["qty"] for row in rows}


def unsound(tx: Transaction) -> list[SetAsideRow]:
    """Read the open positions that cannot be counted with: nothing of ours wrote them so."""
    rows = tx.rows(
        f"""
        SELECT CAST(t.id AS text) AS name, t.firebase_uid, t.symbol,
               concat_ws(' ', 'no position: qty', t.qty, 'at', t.avg_entry_price, 'opened',
                         t.opened_at, 'realized', t.realized_pnl) AS reason
        FROM trades t WHERE t.closed_at IS NULL AND NOT ({IS_SOUND}) ORDER BY t.id LIMIT 1000
        """
    )
    return [SetAsideRow(**row) for row in rows]


def held_stocks(tx: Transaction) -> set[str]:
    """Name the stocks that some user holds."""
    rows = tx.rows(
        "SELECT DISTINCT symbol FROM trades WHERE closed_at IS NULL AND asset_class = 'us_equity'"
    )
    return {row["symbol"] for row in rows}


def moving(tx: Transaction, since: datetime) -> list[str]:
    """Name the symbols of orders that the broker may still fill, or that changed since then."""
    rows = tx.rows(
        f"""
        SELECT replace(symbol, '/', '') AS symbol FROM trade_orders WHERE updated_at >= :since
        UNION
        SELECT replace(symbol, '/', '') FROM trade_orders
        WHERE {IS_OPEN} AND status <> :approved
        """,
        since=since,
        approved=APPROVED,
    )
    return [row["symbol"] for row in rows]


def _store_fill(tx: Transaction, order: Order, fill: Fill) -> int:
    row = tx.rows(
        """
        INSERT INTO fills (order_id, firebase_uid, symbol, side, qty, price, cum_qty, filled_at)
        VALUES (:order_id, :uid, :symbol, :side, :qty, :price, :cum_qty, :filled_at)
        RETURNING id
        """,
        order_id=order.id,
        uid=order.firebase_uid,
        symbol=order.symbol,
        side=fill.side,
        qty=fill.qty,
        price=fill.price,
        cum_qty=fill.cum_qty,
        filled_at=fill.filled_at,
    )
    return int(row[0]["id"])


def _open_trade(tx: Transaction, order: Order) -> Trade | None:
    """Read the user's position in the order's symbol; the user's row is locked."""
    row = tx.row(
        """
        SELECT id, qty, avg_entry_price, realized_pnl, opened_at, closed_at FROM trades
        WHERE firebase_uid = :uid AND symbol = :symbol AND closed_at IS NULL
        """,
        uid=order.firebase_uid,
        symbol=order.symbol,
    )
    return Trade(**row) if row else None


def _store_part(tx: Transaction, order: Order, part: TradeChange, fill_id: int) -> None:
    trade_id = part.trade.id
    if trade_id is None:
        trade_id = _insert(tx, order, part.trade, part.trade.opened_at)
    else:
        _update(tx, part.trade)
    tx.run(
        "INSERT INTO trade_fills (trade_id, fill_id, qty) VALUES (:trade_id, :fill_id, :qty)",
        trade_id=trade_id,
        fill_id=fill_id,
        qty=part.qty,
    )


def _insert(tx: Transaction, order: Order, trade: Trade, opened_at: datetime) -> int:
    rows: list[Row] = tx.rows(
        """
        INSERT INTO trades (firebase_uid, symbol, asset_class, qty, avg_entry_price, opened_at,
                            opening_order_id)
        VALUES (:uid, :symbol, :asset_class, :qty, :avg_entry_price, :opened_at, :order_id)
        RETURNING id
        """,
        uid=order.firebase_uid,
        symbol=order.symbol,
        asset_class=order.asset_class,
        qty=trade.qty,
        avg_entry_price=trade.avg_entry_price,
        opened_at=opened_at,
        order_id=order.id,
    )
    return int(rows[0]["id"])


def _update(tx: Transaction, trade: Trade) -> None:
    tx.run(
        """
        UPDATE trades SET qty = :qty, avg_entry_price = :avg_entry_price,
                          realized_pnl = :realized_pnl, closed_at = :closed_at
        WHERE id = :id
        """,
        qty=trade.qty,
        avg_entry_price=trade.avg_entry_price,
        realized_pnl=trade.realized_pnl,
        closed_at=trade.closed_at,
        id=trade.id,
    )
