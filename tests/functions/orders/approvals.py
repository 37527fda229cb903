"""Approved orders as they are stored, without a question on their way."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from infra.postgres.database import Database
from tests.conftest import USER, enroll


def approve(db: Database, at: datetime, lasting: timedelta, side: str = "buy") -> UUID:
    """Store an order of one dollar of SPY, approved at an instant, whose yes lasts for a while."""
    order_id = uuid4()
    with db.transaction() as tx:
        tx.run(
            """
            INSERT INTO opportunities (id, firebase_uid, rule_id, rule_type, symbol, price, as_of,
                                       snapshot_ids, config_hash, fired_at)
            VALUES (CAST(:id AS uuid), :uid, CAST(CAST(:id AS uuid) AS text), 'x', 'SPY', 492, :at,
                    '{}', 'h', :at)
            """,
            id=order_id,
            uid=USER,
            at=at,
        )
        tx.run(
            """
            INSERT INTO trade_orders (id, firebase_uid, client_order_id, symbol, asset_class, side,
                                      order_type, time_in_force, notional_usd, status, rule_id,
                                      opportunity_id, config_hash, seen_price, max_price_drift_pct,
                                      created_at, expires_at, updated_at)
            VALUES (:id, :uid, :client_order_id, 'SPY', 'us_equity', :side, 'market',
                    'day', 1, 'approved', 'dip_confirm', :id, 'h', 492, 1, :at, :expires_at, :at)
            """,
            id=order_id,
            uid=USER,
            at=at,
            side=side,
            client_order_id=f"cs-{order_id}",
            expires_at=at + lasting,
        )
    return order_id


def enroll_unasked(db: Database) -> None:
    """Let a user's orders pass without a question; their rules ask nothing of themselves."""
    unasked = {"require_question_before_order": False}
    room = {"max_orders_per_day": 1000, "max_notional_usd_per_4h": 10000}
    silent = {"id": "dip_confirm", "threshold_pct": -50}
    enroll(db, USER, guardrails=unasked | room, rules=[silent])
