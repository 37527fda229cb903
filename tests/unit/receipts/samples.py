"""Terms and questions that the tests of receipts start from."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from common.questions import Terms

ASKED_AT = datetime(2026, 2, 10, 15, 0, tzinfo=UTC)
TEXT = "SPY is down 1.6% vs yesterday. Buy $10?"
USER = "user-1"


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
        "as_of": ASKED_AT,
        "snapshot_ids": (8, 9),
        "config_hash": "e97f4aee77bcc6da",
        "max_price_drift_pct": Decimal(1),
        "asked_at": ASKED_AT,
        "expires_at": ASKED_AT + timedelta(minutes=15),
    }
    return Terms(**values | changes)
