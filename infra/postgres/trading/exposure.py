"""What the database knows of a user whose order is judged, read under the lock of their row."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from common.guardrails.facts import NOTIONAL_WINDOW, Exposure, ServerExposure
from common.holdings.drift import SETTLED_AFTER, Drift
from common.market import trading_day, trading_day_start
from common.orders.order import Order
from common.orders.status import APPROVED, REJECTED, SUBMITTING
from common.rules.base import Position
from infra.postgres.database import Transaction
from infra.postgres.trading import controls
from infra.postgres.trading.order_columns import IS_OPEN

# A send takes seconds: what is still being sent after this long was interrupted by a crash.
INTERRUPTED_AFTER = timedelta(minutes=1)

# The units that claimed sales may yet sell; one by notional at the least price that it was sent at.
ON_SALE = f"""
    SELECT coalesce(sum(greatest(0, coalesce(
               o.qty,
               o.notional_usd / o.seen_price / greatest(1 - o.max_price_drift_pct / 100, 0.01)
           ) - o.filled_qty)), 0)
    FROM trade_orders o
    WHERE o.side = 'sell' AND o.status <> '{APPROVED}' AND {IS_OPEN}
"""


def of(
    tx: Transaction,
    order: Order,
    now: datetime,
    *,
    with_pnl: bool,
    with_day_trades: bool = False,
) -> Exposure:
    """Read the counters, the position and the switches, without the order at hand.

    The day's profit and loss costs a look at every trade of the day: only `with_pnl`. Whether the
    order would make a day trade is looked up only where the broker counts them.
    """
    taken = reserved(tx, order.firebase_uid, now, without=order.id)
    own = Exposure(
        orders_today=taken.orders_today,
        notional_in_window=taken.notional_in_window,
        day_pnl=day_pnl(tx, order.firebase_uid, now) if with_pnl else None,
        outcome_pending=_pending_before(tx, order, now),
        opposite_filled_today=with_day_trades and _opposite_filled_today(tx, order, now),
        controls=controls.active_controls(tx, order.firebase_uid, now),
        **_of_symbol(tx, order, now),
    )
    take_turn(tx)
    return replace(own, all_users=reserved_by_all(tx, now, without=order.id))


@dataclass(frozen=True)
class Reserved:
    """What a user's orders have taken of their caps; notional in USD."""

    orders_today: int
    notional_in_window: Decimal


NOTHING_RESERVED = Reserved(0, Decimal(0))


def reserved(
    tx: Transaction, firebase_uid: str, now: datetime, *, without: UUID | None = None
) -> Reserved:
    """Sum what the user has reserved; a slot comes back only by a proven rejection.

    Guardrails judge, and the status shows, by this one sum.
    """
    found = reserved_of_each(tx, [firebase_uid], now, without=without)
    return found.get(firebase_uid, NOTHING_RESERVED)


def reserved_of_each(
    tx: Transaction, uids: Sequence[str], now: datetime, *, without: UUID | None = None
) -> dict[str, Reserved]:
    """Sum what each of these users has reserved; who has nothing is left out."""
    rows = tx.rows(
        """
        SELECT firebase_uid,
               count(*) FILTER (WHERE reserved_at >= :day_start) AS orders_today,
               coalesce(sum(reserved_usd) FILTER (WHERE reserved_at > :window_start), 0)
                   AS notional_in_window
        FROM trade_orders
        WHERE firebase_uid = ANY(CAST(:uids AS text[]))
          AND id IS DISTINCT FROM CAST(:without AS uuid) AND status <> :rejected
          AND reserved_at >= least(CAST(:day_start AS timestamptz),
                                   CAST(:window_start AS timestamptz))
        GROUP BY firebase_uid
        """,
        uids=list(uids),
        day_start=trading_day_start(now),
        window_start=now - NOTIONAL_WINDOW,
        without=without,
        rejected=REJECTED,
    )
    return {
        row["firebase_uid"]: Reserved(row["orders_today"], row["notional_in_window"])
        for row in rows
    }


def take_turn(tx: Transaction) -> None:
    """Take one's turn at the server's caps until the transaction ends.

    So no two orders fit into the same last room. Every holder of this lock has the lock of the
    order's user already.
    """
    tx.rows("SELECT pg_advisory_xact_lock(hashtextextended('server caps', 0))")


def reserved_by_all(
    tx: Transaction, now: datetime, *, without: UUID | None = None
) -> ServerExposure:
    """Sum what all users have reserved."""
    row = tx.rows(
        """
        SELECT count(*) FILTER (WHERE reserved_at >= :day_start) AS orders_today,
               coalesce(sum(reserved_usd) FILTER (WHERE reserved_at >= :day_start), 0)
                   AS notional_today,
               coalesce(sum(reserved_usd) FILTER (WHERE reserved_at > :window_start), 0)
                   AS notional_in_window
        FROM trade_orders
        WHERE id IS DISTINCT FROM CAST(:without AS uuid) AND status <> :rejected
          AND reserved_at >= least(CAST(:day_start AS timestamptz),
                                   CAST(:window_start AS timestamptz))
        """,
        day_start=trading_day_start(now),
        window_start=now - NOTIONAL_WINDOW,
        without=without,
        rejected=REJECTED,
    )[0]
    return ServerExposure(**row)


def _opposite_filled_today(tx: Transaction, order: Order, now: datetime) -> bool:
    """Tell whether the other side of the order was filled today: the account is one for all."""
    return bool(
        tx.rows(
            """
            SELECT 1 FROM fills
            WHERE filled_at >= :day_start AND symbol = :symbol AND side <> :side LIMIT 1
            """,
            day_start=trading_day_start(now),
            symbol=order.symbol,
            side=order.side,
        )
    )


def day_pnl(tx: Transaction, firebase_uid: str, now: datetime) -> Decimal | None:
    """Sum the user's trading day in USD; None as soon as one trade cannot be valued."""
    return day_pnl_of_each(tx, [firebase_uid], now).get(firebase_uid, Decimal(0))


def day_pnl_of_each(
    tx: Transaction, uids: Sequence[str], now: datetime
) -> dict[str, Decimal | None]:
    """Sum the trading day of each of these users who had a trade that day."""
    rows = tx.rows(
        """
        SELECT holder.firebase_uid, day.pnl
        FROM (SELECT firebase_uid FROM trades
              WHERE firebase_uid = ANY(CAST(:uids AS text[])) AND closed_at IS NULL
              UNION
              SELECT firebase_uid FROM trades
              WHERE firebase_uid = ANY(CAST(:uids AS text[])) AND closed_at >= :day_start) AS holder
        CROSS JOIN LATERAL (
            -- NaN is above every number.
            SELECT CASE WHEN count(*) = count(pnl) AND abs(coalesce(sum(pnl), 0)) < 'Infinity'
                        THEN coalesce(sum(pnl), 0) END AS pnl
            FROM utils_statistics.daily_trade_pnl(CAST(:day AS date), holder.firebase_uid)
        ) AS day
        """,
        uids=list(uids),
        day_start=trading_day_start(now),
        day=trading_day(now),
    )
    return {row["firebase_uid"]: row["pnl"] for row in rows}


def _of_symbol(tx: Transaction, order: Order, now: datetime) -> dict[str, Any]:
    """Read the user's position, and what else is known of the symbol."""
    row = tx.rows(
        f"""
        SELECT (SELECT coalesce(sum(t.qty), 0) FROM trades t
                WHERE t.symbol = :symbol AND t.closed_at IS NULL) AS units_of_all,
               EXISTS (SELECT FROM trade_orders o
                       WHERE o.symbol = :symbol AND o.id <> :id AND o.updated_at >= :settled)
               OR EXISTS (SELECT FROM trade_orders o
                          WHERE o.symbol = :symbol AND o.id <> :id AND o.status <> 'approved'
                            AND {IS_OPEN}) AS is_moving,
               ({ON_SALE} AND o.firebase_uid = :uid AND o.symbol = :symbol
                AND o.id <> :id) AS on_sale,
               (SELECT a.kind || ' on ' || a.ex_date FROM corporate_actions a
                WHERE a.symbol = :symbol
                  AND (a.applied_at > question.asked_at
                       AND a.ex_date > question.asked_at - interval '3 days'
                       OR a.effect = 'unexplained' AND a.resolved_at IS NULL
                       AND a.ex_date <= CAST(:today AS date)
                       AND held.opened_at < a.ex_date AT TIME ZONE 'America/New_York')
                LIMIT 1) AS changed_basis,
               held.qty, held.avg_entry_price, d.symbol, d.ours, d.brokers
        FROM (SELECT coalesce((SELECT c.asked_at FROM confirmations c
                               WHERE c.question_id = CAST(:question_id AS uuid)),
                              CAST(:created_at AS timestamptz)) AS asked_at) AS question
        LEFT JOIN trades held ON held.firebase_uid = :uid AND held.symbol = :symbol
            AND held.closed_at IS NULL
        LEFT JOIN position_drifts d ON d.symbol = replace(:symbol, '/', '')
            AND held.id IS NOT NULL
        """,
        symbol=order.symbol,
        id=order.id,
        uid=order.firebase_uid,
        settled=now - SETTLED_AFTER,
        question_id=order.question_id,
        created_at=order.created_at,
        today=trading_day(now),
    )[0]
    drift = Drift(*(row.pop(name) for name in ("symbol", "ours", "brokers")))
    position = Position(*(row.pop(name) for name in ("qty", "avg_entry_price")))
    return row | {
        "drift": drift if drift.symbol else None,
        "position": None if position.qty is None else position,
    }


def outcome_pending(tx: Transaction, firebase_uid: str, now: datetime) -> list[UUID]:
    """Name the user's orders whose outcome nobody knows, the oldest first."""
    return outcomes_pending_of_each(tx, [firebase_uid], now).get(firebase_uid, [])


def outcomes_pending_of_each(
    tx: Transaction, uids: Sequence[str], now: datetime
) -> dict[str, list[UUID]]:
    """Name such orders of each of these users who has one."""
    rows = tx.rows(
        """
        SELECT firebase_uid, id FROM trade_orders
        WHERE firebase_uid = ANY(CAST(:uids AS text[])) AND status = :submitting
          AND (outcome_unknown_at IS NOT NULL OR reserved_at < :interrupted)
        ORDER BY reserved_at, id
        """,
        uids=list(uids),
        submitting=SUBMITTING,
        interrupted=now - INTERRUPTED_AFTER,
    )
    pending: dict[str, list[UUID]] = {}
    for row in rows:
        pending.setdefault(row["firebase_uid"], []).append(row["id"])
    return pending


def _pending_before(tx: Transaction, order: Order, now: datetime) -> str | None:
    """Name the oldest of them that was claimed before the order at hand.

    So one of two waits for the other, and never both.
    """
    pending = outcome_pending(tx, order.firebase_uid, now)
    earlier = itertools.takewhile(lambda each: each != order.id, pending)
    return next(map(str, earlier), None)
