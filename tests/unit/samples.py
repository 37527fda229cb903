"""Values that unit tests start from."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from common.config import TradingConfig
from common.guardrails.facts import Account, BrokerFacts, Exposure, Facts, ServerExposure
from common.holdings.positions import Holding
from common.market import NEW_YORK, Metric, Quote, Snapshot
from common.orders.asset import Asset
from common.orders.order import Order
from common.questions import Confirmation, Terms
from common.server_limits import ServerLimits

NOON = datetime(2026, 2, 10, 12, 0, tzinfo=NEW_YORK)
MIDNIGHT_BEFORE = datetime(2026, 2, 9, 0, 0, tzinfo=NEW_YORK)
QUESTION_ID = UUID("11111111-1111-4111-8111-111111111111")


def document() -> dict[str, Any]:
    """A complete config, as parsed from JSON."""
    parsed: dict[str, Any] = json.loads(
        """
        {"version": 1, "enabled": true, "mode": "paper",
         "data_inputs": [{"id": "watch", "source": "alpaca", "asset_class": "us_equity",
                          "symbols": ["SPY", "AAPL"], "feed": "iex",
                          "poll_interval_seconds": 60,
                          "metrics": ["last_trade", "daily_bar", "prev_close"]}],
         "rules": [{"id": "dip", "type": "price_below_pct_of_ref", "symbol": "SPY",
                    "ref_metric": "prev_close", "threshold_pct": -1.5,
                    "question_template":
                        "{{symbol}} at {{price}} is {{pct}}% below {{ref}}: buy ${{notional}}?",
                    "on_answer_match": {"action": "propose_order", "side": "buy",
                                        "notional_usd": 10}}],
         "guardrails": {"max_orders_per_day": 3, "max_notional_usd_per_4h": 100,
                        "require_question_before_order": true, "symbols_blocklist": []}}
        """,
        parse_float=Decimal,
    )
    return parsed


def config(**changes: Any) -> TradingConfig:
    return TradingConfig.from_document(document() | changes)


def snapshot(metric: Metric, price: str, as_of: datetime, row_id: int | None = None) -> Snapshot:
    return Snapshot("SPY", "us_equity", "iex", metric, Decimal(price), None, as_of, {}, row_id)


def terms(**changes: Any) -> Terms:
    values: dict[str, Any] = {
        "rule_id": "dip",
        "symbol": "SPY",
        "asset_class": "us_equity",
        "side": "buy",
        "notional_usd": Decimal(10),
        "qty": None,
        "order_type": "market",
        "limit_offset_pct": None,
        "time_in_force": "day",
        "price": Decimal(492),
        "reference": Decimal(500),
        "pct": Decimal("-1.6"),
        "as_of": NOON,
        "snapshot_ids": (),
        "config_hash": "h",
        "max_price_drift_pct": Decimal(1),
        "asked_at": NOON,
        "expires_at": NOON + timedelta(minutes=15),
    }
    return Terms(**values | changes)


def order(**changes: Any) -> Order:
    values: dict[str, Any] = {
        "id": UUID(int=1),
        "firebase_uid": "user-1",
        "client_order_id": "cs-1",
        "symbol": "SPY",
        "asset_class": "us_equity",
        "side": "buy",
        "order_type": "market",
        "time_in_force": "day",
        "notional_usd": Decimal(10),
        "qty": None,
        "limit_offset_pct": None,
        "limit_price": None,
        "status": "approved",
        "question_id": QUESTION_ID,
        "rule_id": "dip",
        "seen_price": Decimal(492),
        "max_price_drift_pct": Decimal(1),
        "created_at": NOON,
        "expires_at": NOON + timedelta(minutes=15),
        "filled_qty": Decimal(0),
        "filled_avg_price": None,
        "denial_code": None,
        "reason": None,
        "broker_updated_at": None,
    }
    return Order(**values | changes)


def confirmation(**changes: Any) -> Confirmation:
    values: dict[str, Any] = {
        "question_id": QUESTION_ID,
        "firebase_uid": "user-1",
        "status": "approve",
        "expires_at": NOON + timedelta(minutes=15),
        "decided_at": NOON,
    }
    return Confirmation(**values | changes)


def server(**changes: Any) -> ServerLimits:
    values: dict[str, Any] = {
        "trading_enabled": True,
        "allow_live": False,
        "broker_is_live": False,
        "max_order_notional_usd": Decimal(1000),
        "max_orders_per_day": 20,
        "max_notional_usd_per_4h": Decimal(5000),
        "max_stream_symbols": 30,
    }
    return ServerLimits(**values | changes)


def broker(**changes: Any) -> BrokerFacts:
    values: dict[str, Any] = {
        "quote": Quote("SPY", Decimal("491.99"), Decimal("492.01"), NOON),
        "previous_close": Decimal(500),
        "market_is_open": True,
        "asset": Asset(tradable=True, fractionable=True, marginable=True),
        "account": Account(
            blocked=False,
            buying_power=Decimal(1000),
            cash_buying_power=Decimal(1000),
            crypto_active=True,
        ),
        "holding": Holding(Decimal(2), Decimal(2)),
    }
    return BrokerFacts(**values | changes)


def exposure(**changes: Any) -> Exposure:
    values: dict[str, Any] = {
        "orders_today": 0,
        "notional_in_window": Decimal(0),
        "position": None,
        "day_pnl": Decimal(0),
        "outcome_pending": None,
        "controls": (),
        "all_users": ServerExposure(0, Decimal(0), Decimal(0)),
    }
    return Exposure(**values | changes)


def facts(**changes: Any) -> Facts:
    """Facts that let `order()` pass every check."""
    values: dict[str, Any] = {
        "now": NOON,
        "server": server(),
        "config": config(),
        "confirmation": confirmation(),
        "broker": broker(),
        "exposure": exposure(),
    }
    return Facts(**values | changes)
