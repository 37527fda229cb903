"""Corporate actions as stored: known, applied once, or not explained (`corporate_actions`)."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from common.holdings.corporate_actions import CorporateAction, restate
from common.market import NEW_YORK, Snapshot, trading_day
from common.orders.status import APPROVED
from infra.postgres.database import Transaction, to_json
from infra.postgres.trading import adjustments
from infra.postgres.trading.adjustments import Adjustment
from infra.postgres.trading.order_columns import IS_OPEN

# What happened longer ago than this was known when a question of today was asked.
_RECENT = timedelta(days=3)

_COLUMNS = "id, kind, symbol, ex_date, effect, new_rate, old_rate, new_symbol, cash"


def store(tx: Transaction, actions: Sequence[CorporateAction], now: datetime) -> None:
    """Keep what the broker announces; what was applied already stays as it was applied."""
    tx.run(
        f"""
        INSERT INTO corporate_actions ({_COLUMNS}, announced_at)
        SELECT {_COLUMNS}, :now
        FROM jsonb_to_recordset(CAST(:actions AS jsonb)) AS action (
            id text, kind text, symbol text, ex_date date, effect text, new_rate numeric,
            old_rate numeric, new_symbol text, cash numeric)
        ORDER BY id
        ON CONFLICT (id) DO UPDATE
        SET (kind, symbol, ex_date, effect, new_rate, old_rate, new_symbol, cash)
            = (excluded.kind, excluded.symbol, excluded.ex_date, excluded.effect,
               excluded.new_rate, excluded.old_rate, excluded.new_symbol, excluded.cash)
        WHERE corporate_actions.applied_at IS NULL AND corporate_actions.resolved_at IS NULL
        """,
        actions=to_json([asdict(each) for each in actions]),
        now=now,
    )


def due(tx: Transaction, today: date) -> list[CorporateAction]:
    """Read what can be applied: its day has come, and no order from before it is on its way."""
    rows = tx.rows(
        f"""
        SELECT {_COLUMNS} FROM corporate_actions a
        WHERE applied_at IS NULL AND ex_date <= :today AND effect IN ('shares', 'cash', 'price')
          AND NOT EXISTS (
              SELECT FROM trade_orders o
              WHERE o.symbol = a.symbol AND {IS_OPEN} AND o.status <> :approved
                AND o.created_at < a.ex_date AT TIME ZONE 'America/New_York')
        ORDER BY ex_date, id
        """,
        today=today,
        approved=APPROVED,
    )
    return [CorporateAction(**row) for row in rows]


def apply(tx: Transaction, action: CorporateAction, now: datetime) -> int:
    """Restate the open trades and withdraw the questions asked on the old basis, once.

    Returns how many trades were restated. A user who holds the new symbol already keeps both
    trades as they are: the difference to the broker's records then stops that symbol for them.
    """
    claimed = tx.run(
        "UPDATE corporate_actions SET applied_at = :now WHERE id = :id AND applied_at IS NULL",
        now=now,
        id=action.id,
    )
    if not claimed:
        return 0
    if now - _midnight(action) < _RECENT:
        _withdraw_questions(tx, action.symbol, now)
    midnight = _midnight(action)
    why = Adjustment("corporate_action", action.id, midnight, action.cash or Decimal(0))
    held = adjustments.open_trades(tx, action.symbol, before=midnight)
    changed = sum(
        adjustments.adjust(tx, each, restate(each.trade, action), why, now) for each in held
    )
    if action.new_symbol:
        _rename(tx, action, action.new_symbol)
    if action.effect != "price":
        _restate_manual_holding(tx, action)
    _resolve_gaps(tx, action.symbol, now)
    return changed


def report_gap(tx: Transaction, symbol: str, today: date, now: datetime) -> None:
    """Remember that a price left its basis and nothing explains it; denies until it is resolved."""
    gap = CorporateAction(f"gap:{symbol}:{today}", "gap", symbol, today, "unexplained")
    store(tx, [gap], now)


def resolve_gaps(tx: Transaction, symbol: str, before: date, now: datetime) -> None:
    """Take the gaps of earlier days for moves of the price, as the broker's records say."""
    tx.run(
        "UPDATE corporate_actions SET resolved_at = :now WHERE symbol = :symbol"
        " AND kind = 'gap' AND ex_date < :before AND resolved_at IS NULL",
        symbol=symbol,
        before=before,
        now=now,
    )


def unexplained(tx: Transaction) -> list[CorporateAction]:
    """Read what happened to symbols that somebody held before, and nobody can tell."""
    rows = tx.rows(
        f"""
        SELECT {_COLUMNS} FROM corporate_actions a
        WHERE effect = 'unexplained' AND resolved_at IS NULL AND EXISTS (
            SELECT FROM trades t WHERE t.symbol = a.symbol AND t.closed_at IS NULL
              AND t.opened_at < a.ex_date AT TIME ZONE 'America/New_York')
        """
    )
    return [CorporateAction(**row) for row in rows]


def on_basis_of(tx: Transaction, close: Snapshot, today: date) -> Snapshot:
    """Return an earlier close as it reads on the basis of a later day."""
    row = tx.rows(
        "SELECT utils_statistics.restated(CAST(:price AS numeric), :symbol, :known_on, :today)"
        " AS price",
        price=close.price,
        symbol=close.symbol,
        known_on=trading_day(close.as_of),
        today=today,
    )[0]
    return replace(close, price=row["price"])


def _midnight(action: CorporateAction) -> datetime:
    """Return when an action takes effect: with the beginning of its day in New York."""
    return datetime.combine(action.ex_date, datetime.min.time(), NEW_YORK)


def _rename(tx: Transaction, action: CorporateAction, new: str) -> None:
    tx.run(
        """
        UPDATE trades t SET symbol = :new
        WHERE t.symbol = :old AND t.closed_at IS NULL AND t.opened_at < :midnight
          AND NOT EXISTS (
            SELECT FROM trades other WHERE other.firebase_uid = t.firebase_uid
              AND other.symbol = :new AND other.closed_at IS NULL)
        """,
        old=action.symbol,
        new=new,
        midnight=_midnight(action),
    )


def _restate_manual_holding(tx: Transaction, action: CorporateAction) -> None:
    """What is held beside ours becomes other shares, or cash, too."""
    tx.run(
        """
        UPDATE manual_holdings SET qty = qty * CAST(:kept AS integer) * :new_rate / :old_rate,
                                   symbol = :after
        WHERE symbol = :symbol AND updated_at < :midnight
        """,
        kept=0 if action.effect == "cash" else 1,
        new_rate=action.new_rate,
        old_rate=action.old_rate,
        after=action.new_symbol or action.symbol,
        symbol=action.symbol,
        midnight=_midnight(action),
    )


def _withdraw_questions(tx: Transaction, symbol: str, now: datetime) -> None:
    tx.run(
        """
        UPDATE confirmations c SET status = 'withdrawn', decided_at = :now
        FROM opportunities o
        WHERE o.id = c.opportunity_id AND o.symbol = :symbol AND c.status = 'pending'
        """,
        symbol=symbol,
        now=now,
    )


def _resolve_gaps(tx: Transaction, symbol: str, now: datetime) -> None:
    tx.run(
        "UPDATE corporate_actions SET resolved_at = :now"
        " WHERE symbol = :symbol AND kind = 'gap' AND resolved_at IS NULL",
        symbol=symbol,
        now=now,
    )
