"""What changes a trade without a fill of ours; each change once, with its audit row."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from common.holdings.positions import Trade
from infra.postgres import instants
from infra.postgres.database import Transaction

# What a position must be to be counted with. NaN is above every number to Postgres.
IS_SOUND = f"""
    abs(t.qty) < 1e16 AND t.avg_entry_price > 0 AND t.avg_entry_price < 1e16
    AND abs(t.realized_pnl) < 1e16
    AND t.opened_at BETWEEN {instants.FIRST} AND {instants.LAST}
"""

Kind = Literal["corporate_action", "coin_fee", "manual", "cash_in_lieu"]


@dataclass(frozen=True)
class Owned:
    """A trade, its symbol and whose it is."""

    trade: Trade
    firebase_uid: str
    symbol: str


@dataclass(frozen=True)
class Adjustment:
    """Why a trade changes, once for each `reference`; `price` is what a unit brought (USD)."""

    kind: Kind
    reference: str
    effective_at: datetime
    price: Decimal = Decimal(0)

    @property
    def is_restatement(self) -> bool:
        """Whether shares became others, so that nothing was sold or paid."""
        return self.kind == "corporate_action"


def open_trades(tx: Transaction, symbol: str, before: datetime | None = None) -> list[Owned]:
    """Lock the users who hold a symbol (a pair in any spelling) and read their trades.

    Only what was opened before an instant, where one is given. The rows are read after the locks
    are held: whoever waited for one sees what its holder has made of it.
    """
    where = f"""
        replace(t.symbol, '/', '') = replace(:symbol, '/', '') AND t.closed_at IS NULL
        AND {IS_SOUND} AND (CAST(:before AS timestamptz) IS NULL OR t.opened_at < :before)
    """
    tx.rows(
        f"""
        -- Compared as the app's index compares, so that they are found there.
        SELECT firebase_uid FROM users
        WHERE firebase_uid IN (SELECT t.firebase_uid COLLATE "default" FROM trades t WHERE {where})
        ORDER BY firebase_uid FOR UPDATE
        """,
        symbol=symbol,
        before=before,
    )
    rows = tx.rows(
        f"""
        SELECT t.id, t.firebase_uid, t.symbol, t.qty, t.avg_entry_price, t.realized_pnl,
               t.opened_at, t.closed_at
        FROM trades t WHERE {where} ORDER BY t.id
        """,
        symbol=symbol,
        before=before,
    )
    return [_owned(**row) for row in rows]


def adjust(tx: Transaction, owned: Owned, after: Trade, why: Adjustment, now: datetime) -> bool:
    """Store the trade as it is afterwards, with its audit row; False when that was done before."""
    before = owned.trade
    added = tx.run(
        """
        INSERT INTO position_adjustments
            (trade_id, firebase_uid, symbol, kind, is_restatement, reference, qty_before,
             qty_after, entry_before, entry_after, price, effective_at, created_at)
        VALUES (:trade_id, :uid, :symbol, :kind, :is_restatement, :reference, :qty_before,
                :qty_after, :entry_before, :entry_after, :price, :effective_at, :now)
        ON CONFLICT (trade_id, reference) DO NOTHING
        """,
        trade_id=before.id,
        uid=owned.firebase_uid,
        symbol=owned.symbol,
        kind=why.kind,
        is_restatement=why.is_restatement,
        reference=why.reference,
        qty_before=before.qty,
        qty_after=after.qty,
        entry_before=before.avg_entry_price,
        entry_after=after.avg_entry_price,
        price=why.price,
        effective_at=why.effective_at,
        now=now,
    )
    if not added:
        return False
    tx.run(
        """
        UPDATE trades SET qty = :qty, avg_entry_price = :entry, realized_pnl = :realized,
                          closed_at = :closed_at
        WHERE id = :id
        """,
        qty=after.qty,
        entry=after.avg_entry_price,
        realized=after.realized_pnl,
        closed_at=None if after.qty else why.effective_at,
        id=before.id,
    )
    return True


def _owned(*, firebase_uid: str, symbol: str, **trade: Any) -> Owned:
    return Owned(Trade(**trade), firebase_uid, symbol)
