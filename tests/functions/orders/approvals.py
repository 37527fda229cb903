"""Approved orders as they are stored, without a question on their way."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from infra.postgres.database import Database
from tests.conftest import USER, enroll


def approve(
    db: Database,
    at: datetime,
    lasting: timedelta,
    side: str = "buy",
    *,
    uid: str = USER,
    symbol: str = "SPY",
    qty: Decimal | None = None,
    price: Decimal = Decimal(492),
) -> UUID:
    """Store an order, by default of one dollar, approved at an instant, whose yes lasts a while."""
    order_id = uuid4()
    with db.transaction() as tx:
        tx.run(
            """
            INSERT INTO opportunities (id, firebase_uid, rule_id, rule_type, symbol, price, as_of,
                                       snapshot_ids, config_hash, fired_at)
            VALUES (CAST(:id AS uuid), :uid, CAST(CAST(:id AS uuid) AS text), 'x', :symbol, :price,
                    :at, '{}', 'h', :at)
            """,
            id=order_id,
            uid=uid,
            symbol=symbol,
            price=price,
            at=at,
        )
        tx.run(
            """
            INSERT INTO trade_orders (id, firebase_uid, client_order_id, symbol, asset_class, side,
                                      order_type, time_in_force, qty, notional_usd, status, rule_id,
                                      opportunity_id, config_hash, seen_price, max_price_drift_pct,
                                      created_at, expires_at, updated_at)
            VALUES (:id, :uid, :client_order_id, :symbol, :asset_class, :side, 'market',
                    :time_in_force, :qty, :notional_usd, 'approved', 'dip_confirm', :id, 'h',
                    :price, 1, :at, :expires_at, :at)
            """,
            id=order_id,
            uid=uid,
            client_order_id=f"cs-{order_id}",
            symbol=symbol,
            asset_class="crypto" if "/" in symbol else "us_equity",
            side=side,
            time_in_force="gtc" if "/" in symbol else "day",
            qty=qty,
            notional_usd=1 if qty is None else None,
            price=price,
            at=at,
            expires_at=at + lasting,
        )
    return order_id


def enroll_unasked(db: Database, uid: str = USER, **override: Any) -> None:
    """Let a user's orders pass without a question; their rules ask nothing of themselves."""
    unasked = {"require_question_before_order": False}
    room = {"max_orders_per_day": 1000, "max_notional_usd_per_4h": 1_000_000}
    silent = {"id": "dip_confirm", "threshold_pct": -50}
    enroll(db, uid, guardrails=unasked | room, rules=[silent], **override)
