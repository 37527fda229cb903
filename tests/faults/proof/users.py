"""Who trades in the proof, by which rules, and under which limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

STOCKS = {"SPY": ("98", "100"), "AAPL": ("48", "50")}
COINS = {"BTC/USD": ("9400", "10000")}
PRICES = STOCKS | COINS
TTL_SECONDS = 300


@dataclass(frozen=True)
class ProofUser:
    """A user, and what they may do at most."""

    uid: str
    orders_per_day: int
    usd_per_4h: Decimal
    asks: bool
    rules: tuple[dict[str, Any], ...]
    cautions: Mapping[str, Any]

    @property
    def config(self) -> dict[str, Any]:
        """Their whole trading config."""
        return {
            "version": 1,
            "enabled": True,
            "mode": "paper",
            "data_inputs": [
                _input("stocks", "us_equity", list(STOCKS)),
                _input("coins", "crypto", list(COINS)),
            ],
            "rules": list(self.rules),
            "guardrails": {
                "max_orders_per_day": self.orders_per_day,
                "max_notional_usd_per_4h": int(self.usd_per_4h),
                "require_question_before_order": self.asks,
                **self.cautions,
            },
        }


def _input(name: str, asset_class: str, symbols: list[str]) -> dict[str, Any]:
    found = {
        "id": name,
        "source": "alpaca",
        "asset_class": asset_class,
        "symbols": symbols,
        "metrics": ["last_trade", "daily_bar", "prev_close"],
    }
    return found | ({"feed": "iex"} if asset_class == "us_equity" else {})


def _dip(name: str, symbol: str, **order: Any) -> dict[str, Any]:
    """Buy when the price is a percent below yesterday's; ask again soon."""
    action = {"action": "propose_order", "side": "buy", **(order or {"notional_usd": 10})}
    return {
        "id": name,
        "type": "price_below_pct_of_ref",
        "symbol": symbol,
        "ref_metric": "prev_close",
        "threshold_pct": -1,
        "cooldown_seconds": 30,
        "question_ttl_seconds": TTL_SECONDS,
        "max_price_drift_pct": 2,
        "ask_again_on_failure": True,
        "question_template": "Buy {{symbol}}?",
        "on_answer_match": action,
    }


def _out(name: str, symbol: str) -> dict[str, Any]:
    """Close a position that has lost or gained anything."""
    return {
        "id": name,
        "type": "position_loss_pct",
        "symbol": symbol,
        "threshold_pct": 1,
        "cooldown_seconds": 30,
        "question_ttl_seconds": TTL_SECONDS,
        "max_price_drift_pct": 2,
        "question_template": "Sell {{symbol}}?",
        "on_answer_match": {"action": "close_position"},
    }


# Four rules against three slots and two and a half notionals: caps are met in every schedule.
ADA = ProofUser(
    uid="ada",
    orders_per_day=3,
    usd_per_4h=Decimal(25),
    asks=True,
    rules=(
        _dip("spy", "SPY"),
        _dip("spy-again", "SPY"),
        _dip("apple", "AAPL"),
        _dip("coin", "BTC/USD"),
    ),
    cautions={},
)
# One slot a day, and the coin trades when the day changes.
BEN = ProofUser(
    uid="ben",
    orders_per_day=1,
    usd_per_4h=Decimal(100),
    asks=True,
    rules=(_dip("spy", "SPY", notional_usd=20), _dip("coin", "BTC/USD", notional_usd=20)),
    cautions={},
)
CLEO = ProofUser(
    uid="cleo",
    orders_per_day=2,
    usd_per_4h=Decimal(30),
    asks=False,
    rules=(_dip("spy", "SPY"), _dip("apple", "AAPL"), _dip("coin", "BTC/USD")),
    cautions={},
)
# Whole shares with limits that wait for a better price, and positions that are closed again.
DAN = ProofUser(
    uid="dan",
    orders_per_day=8,
    usd_per_4h=Decimal(600),
    asks=True,
    rules=(
        _dip("spy", "SPY", qty=2, order_type="limit", limit_offset_pct=-1),
        _dip("apple", "AAPL", qty=3),
        _out("no-spy", "SPY"),
        _out("no-apple", "AAPL"),
    ),
    cautions={"max_position_usd": 400, "daily_loss_limit_usd": 50},
)
USERS = {each.uid: each for each in (ADA, BEN, CLEO, DAN)}
