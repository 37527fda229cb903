"""The whole chain of an order: from the facts a rule saw to the KPIs that count it."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from infra.postgres.database import Row, Transaction
from infra.postgres.trading import order_views

# `reason` holds a denial's numbers as `key=value`; a value may contain spaces (an instant does).
_NUMBER = re.compile(r"(\w+)=(.*?)(?= \w+=|$)")


def read(tx: Transaction, firebase_uid: str, order_id: UUID) -> dict[str, Any] | None:
    """Read the chain of an order of a user; another user's is none."""
    order = order_views.one(tx, firebase_uid, order_id)
    origins = _origins(tx, firebase_uid, order_id)
    if order is None or origins is None:
        return None
    return {
        "order": order,
        "snapshots": _snapshots(tx, origins.pop("snapshot_ids"), origins["opportunity_fired_at"]),
        "opportunity": _part(origins, "opportunity_"),
        "rule": _part(origins, "rule_"),
        "question": _part(origins, "question_") if origins["question_id"] else None,
        "answer": _part(origins, "answer_") if origins["answer_value"] is not None else None,
        "guardrails": _guardrails(order, _part(origins, "guard_")),
        "broker_order": _at_broker(order) if order["broker_order_id"] else None,
        "fills": _fills(tx, firebase_uid, order_id),
        "trades": _trades(tx, firebase_uid, order_id),
        "kpis": _kpis(tx, firebase_uid, order_id),
    }


def owner_of(tx: Transaction, order_id: UUID) -> str | None:
    """Find whose order it is."""
    row = tx.row("SELECT firebase_uid FROM trade_orders WHERE id = :id", id=order_id)
    return row["firebase_uid"] if row else None


def consent(tx: Transaction, firebase_uid: str, order_id: UUID) -> Row | None:
    """Read what an order of a user rests on, as its client order id commits to it."""
    return tx.row(
        """
        SELECT firebase_uid, question_id, opportunity_id, consented FROM trade_orders
        WHERE id = :id AND firebase_uid = :uid
        """,
        uid=firebase_uid,
        id=order_id,
    )


def _origins(tx: Transaction, firebase_uid: str, order_id: UUID) -> Row | None:
    """Read what led to an order, from the opportunity to the reservation."""
    return tx.row(
        """
        SELECT o.firebase_uid, p.snapshot_ids,
               p.id AS opportunity_id, p.symbol AS opportunity_symbol,
               p.price AS opportunity_price, p.reference AS opportunity_reference,
               p.pct AS opportunity_pct, p.as_of AS opportunity_as_of,
               p.fired_at AS opportunity_fired_at,
               p.rule_id AS rule_id, p.rule_type AS rule_type, p.config_hash AS rule_config_hash,
               q.id AS question_id, q.question_text AS question_text,
               c.status AS question_status, c.asked_at AS question_asked_at,
               c.expires_at AS question_expires_at, q.metadata AS question_terms,
               c.answer AS answer_value, c.status AS answer_decision,
               c.answered_at AS answer_answered_at, c.decided_at AS answer_decided_at,
               o.seen_price AS guard_seen_price,
               o.max_price_drift_pct AS guard_max_price_drift_pct,
               o.reserved_at AS guard_reserved_at, o.reserved_usd AS guard_reserved_usd
        FROM trade_orders o
        JOIN opportunities p ON p.id = o.opportunity_id
        LEFT JOIN questions q ON q.id = o.question_id
        LEFT JOIN confirmations c ON c.question_id = o.question_id
        WHERE o.id = :id AND o.firebase_uid = :uid
        """,
        uid=firebase_uid,
        id=order_id,
    )


def _part(row: Row, prefix: str) -> Row:
    return {name.removeprefix(prefix): row[name] for name in row if name.startswith(prefix)}


def _guardrails(order: Row, judged_by: Row) -> Row:
    """Say whether the guardrails let the order pass, and the numbers of a denial."""
    denied = order["denial_code"] is not None
    passed = "passed" if judged_by["reserved_at"] else "not_judged"
    return {
        "verdict": "denied" if denied else passed,
        "denial_code": order["denial_code"],
        "numbers": dict(_NUMBER.findall(order["reason"] or "")) if denied else {},
        **judged_by,
    }


def _at_broker(order: Row) -> Row:
    return {
        "id": order["broker_order_id"],
        "client_order_id": order["client_order_id"],
        "status": order["status"],
        "submitted_at": order["submitted_at"],
        "filled_at": order["filled_at"],
        "filled_qty": order["filled_qty"],
        "filled_avg_price": order["filled_avg_price"],
    }


def _snapshots(tx: Transaction, ids: list[int], fired_at: datetime) -> list[Row]:
    """Read the facts as the rule saw them, and what the feed has corrected them to since.

    Those that retention has pruned are gone.
    """
    return tx.rows(
        """
        SELECT s.id, s.symbol, s.asset_class, s.metric, s.feed,
               CASE WHEN seen.id IS NULL THEN s.price ELSE seen.price END AS price,
               CASE WHEN seen.id IS NULL THEN s.volume ELSE seen.volume END AS volume, s.as_of,
               CASE WHEN seen.id IS NOT NULL THEN s.price END AS corrected_price,
               CASE WHEN seen.id IS NOT NULL THEN s.volume END AS corrected_volume,
               seen.corrected_at
        FROM market_data_snapshots s
        LEFT JOIN LATERAL (
            SELECT * FROM market_data_corrections c
            WHERE c.snapshot_id = s.id AND c.corrected_at > :fired_at ORDER BY c.id LIMIT 1
        ) AS seen ON true
        WHERE s.id = ANY(CAST(:ids AS bigint[])) ORDER BY s.id
        """,
        ids=ids,
        fired_at=fired_at,
    )


def _fills(tx: Transaction, firebase_uid: str, order_id: UUID) -> list[Row]:
    return tx.rows(
        """
        SELECT o.firebase_uid, f.id, f.qty, f.price, f.cum_qty, f.filled_at
        FROM fills f JOIN trade_orders o ON o.id = f.order_id
        WHERE o.id = :id AND o.firebase_uid = :uid ORDER BY f.id
        """,
        uid=firebase_uid,
        id=order_id,
    )


def _trades(tx: Transaction, firebase_uid: str, order_id: UUID) -> list[Row]:
    """Read the trades that the order's fills belong to, and how many units of each are its."""
    return tx.rows(
        """
        SELECT t.firebase_uid, t.id, t.symbol, sum(tf.qty) AS qty_of_order, t.qty,
               t.avg_entry_price, t.realized_pnl, t.opened_at, t.closed_at, t.opening_order_id
        FROM fills f JOIN trade_fills tf ON tf.fill_id = f.id JOIN trades t ON t.id = tf.trade_id
        WHERE f.order_id = :id AND t.firebase_uid = :uid GROUP BY t.id ORDER BY t.id
        """,
        uid=firebase_uid,
        id=order_id,
    )


def _kpis(tx: Transaction, firebase_uid: str, order_id: UUID) -> list[Row]:
    """Read which KPIs of which day count the order, and the first push that did.

    These are the events of `utils_statistics.daily_events`.
    """
    return tx.rows(
        """
        WITH mine AS (
            SELECT id, firebase_uid, opportunity_id, question_id FROM trade_orders
            WHERE id = :id AND firebase_uid = :uid
        ), counted AS (
            SELECT 'Opportunities flagged' AS kpi, p.fired_at AS at
            FROM mine JOIN opportunities p ON p.id = mine.opportunity_id
            UNION ALL
            SELECT 'Notifications sent', c.asked_at
            FROM mine JOIN confirmations c ON c.question_id = mine.question_id
            UNION ALL
            SELECT 'Entries opened', t.opened_at
            FROM mine JOIN trades t ON t.opening_order_id = mine.id
            UNION ALL
            SELECT 'Exits closed', t.closed_at
            FROM mine JOIN fills f ON f.order_id = mine.id
            JOIN trade_fills tf ON tf.fill_id = f.id JOIN trades t ON t.id = tf.trade_id
            WHERE t.closed_at = f.filled_at
        ), dated AS (
            SELECT kpi, at, CAST(at AT TIME ZONE 'America/New_York' AS date) AS day FROM counted
        )
        SELECT mine.firebase_uid, dated.kpi, dated.at, CAST(dated.day AS text) AS report_date,
               push.updated_at AS pushed_at, coalesce(push.result, 'not_pushed') AS push_result
        FROM mine CROSS JOIN dated
        LEFT JOIN LATERAL (
            SELECT s.updated_at, s.result FROM snapshot_pushes s
            WHERE s.report_date = dated.day AND s.updated_at >= dated.at
              AND s.result IN ('accepted', 'stored_in_d1')
            ORDER BY s.updated_at, s.id LIMIT 1
        ) AS push ON true
        ORDER BY dated.at, dated.kpi
        """,
        uid=firebase_uid,
        id=order_id,
    )
