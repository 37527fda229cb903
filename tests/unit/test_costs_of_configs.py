"""What a config costs is known before: the estimate is held against the time it takes."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from common.config import TradingConfig
from common.costs import data_requests_per_minute, evaluation_cost
from common.errors import MalformedMessageError
from common.evaluation import EvaluationContext, evaluate
from common.market import Metric, Session, Snapshot
from common.validation import too_expensive, validate
from tests.unit.samples import server

LIMITS = server()
NOW = datetime(2026, 2, 10, 15, 1, tzinfo=UTC)
SESSION = Session(NOW - timedelta(hours=1), NOW + timedelta(hours=5))
ACTION = {"action": "propose_order", "side": "buy", "notional_usd": "1"}
METRICS = ["last_trade", "prev_close", "daily_close", "minute_bar", "daily_bar"]
RSI = {"type": "rsi_threshold", "timeframe": "1Day", "threshold": 1, "direction": "below"}
KINDS: dict[str, dict[str, Any]] = {
    "long rsi": RSI | {"period": 30},
    "short rsi": RSI | {"period": 2},
    "rsi of minutes": RSI | {"period": 30, "timeframe": "1Min"},
    "averages": {
        "type": "moving_average_cross",
        "fast": 199,
        "slow": 200,
        "timeframe": "1Day",
        "direction": "up",
    },
    "volume": {"type": "volume_above_average", "factor": 100, "days": 250},
    "window": {"type": "pct_change_over_window", "window_minutes": 390, "threshold_pct": -5},
    "reference": {
        "type": "price_below_pct_of_ref",
        "ref_metric": "prev_close",
        "threshold_pct": -5,
    },
    "schedule": {"type": "schedule", "weekdays": ["mon"], "time": "10:00"},
    "level": {"type": "price_crosses_level", "level": 500, "direction": "up"},
}


def document(rules: list[dict[str, Any]], *inputs: dict[str, Any]) -> dict[str, Any]:
    stocks = {"id": "stocks", "source": "alpaca", "asset_class": "us_equity", "symbols": ["SPY"]}
    return {
        "version": 1,
        "enabled": True,
        "data_inputs": list(inputs) or [stocks | {"metrics": METRICS}],
        "rules": rules,
        "guardrails": {"max_orders_per_day": 1, "max_notional_usd_per_4h": "1"},
    }


def rule(number: int, condition: dict[str, Any], count: int, symbol: str = "SPY") -> dict[str, Any]:
    shared = {"id": f"r{number}", "question_template": "Q", "on_answer_match": ACTION}
    return {"type": "any_of", "symbol": symbol, "conditions": [condition] * count, **shared}


def facts() -> dict[tuple[str, Metric], list[Snapshot]]:
    """All that the rules may look at, as long as they may look back."""

    def fact(metric: Metric, cents: int, at: datetime) -> Snapshot:
        price = 100 + Decimal(cents) / 100
        return Snapshot("SPY", "us_equity", "iex", metric, price, Decimal(100), at, {}, 1)

    minutes = [NOW - timedelta(minutes=back) for back in range(401, 0, -1)]
    days = [NOW - timedelta(days=back) for back in range(430, 0, -1)]
    closes = [day.replace(hour=5) for day in days if day.weekday() < 5]
    return {
        ("SPY", "last_trade"): [fact("last_trade", n % 9, at) for n, at in enumerate(minutes)],
        ("SPY", "minute_bar"): [fact("minute_bar", n % 7, at) for n, at in enumerate(minutes)],
        ("SPY", "daily_close"): [fact("daily_close", n % 8, at) for n, at in enumerate(closes)],
        ("SPY", "prev_close"): [fact("prev_close", 0, closes[-1])],
        ("SPY", "daily_bar"): [fact("daily_bar", 0, NOW)],
    }


def seconds_per_cost(condition: dict[str, Any]) -> float:
    """Return the processor's time for one unit of the estimate, the best of some tries."""
    config = TradingConfig.from_document(document([rule(n, condition, 8) for n in range(4)]))
    context = EvaluationContext(NOW, facts(), SESSION)

    def once() -> float:
        begun = time.thread_time()
        assert list(evaluate(config, context, {}))
        return time.thread_time() - begun

    return min(once() for _ in range(5)) / evaluation_cost(config)


def test_no_kind_of_rule_takes_much_longer_than_its_estimate_says() -> None:
    unit = seconds_per_cost(KINDS["long rsi"])

    ratios = {kind: seconds_per_cost(condition) / unit for kind, condition in KINDS.items()}

    assert max(ratios.values()) < 4, ratios


def test_a_config_that_keeps_everybody_waiting_is_refused() -> None:
    heavy = document([rule(n, KINDS["long rsi"], 8) for n in range(41)])

    with pytest.raises(MalformedMessageError, match="rules: cost of evaluation: must be at most"):
        validate(heavy, LIMITS)


def test_a_config_within_the_estimate_is_taken() -> None:
    assert validate(document([rule(n, KINDS["long rsi"], 8) for n in range(39)]), LIMITS)


def crypto(number: int, count: int) -> dict[str, Any]:
    pairs = [f"A{number}X{n}/USD" for n in range(count)]
    base = {"id": f"c{number}", "source": "alpaca", "asset_class": "crypto"}
    return base | {"symbols": pairs}


def options(underlyings: list[str], **more: object) -> dict[str, Any]:
    base = {"id": "options", "source": "alpaca", "asset_class": "us_option"}
    return base | {"underlyings": underlyings, **more}


def test_crypto_pairs_count_among_the_symbols() -> None:
    whole = document([], *(crypto(number, 96) for number in range(45)))  # 4,320 pairs

    with pytest.raises(MalformedMessageError, match="distinct symbols: must be at most 30"):
        validate(whole, LIMITS)


def test_underlyings_count_among_the_symbols_once() -> None:
    names = [f"A{chr(65 + n)}" for n in range(20)]
    stocks = {"id": "stocks", "source": "alpaca", "asset_class": "us_equity"}
    narrow = {"max_days_to_expiry": 7}

    assert validate(document([], stocks | {"symbols": names}, options(names, **narrow)), LIMITS)
    others = [f"B{chr(65 + n)}" for n in range(11)]
    with pytest.raises(MalformedMessageError, match="distinct symbols: must be at most 30"):
        validate(document([], stocks | {"symbols": others}, options(names, **narrow)), LIMITS)


def test_whole_chains_every_minute_are_more_than_one_user_may_ask_of_the_broker() -> None:
    chains = options(["SPY", "AAPL"], max_days_to_expiry=365, strike_window_pct=50)

    with pytest.raises(MalformedMessageError, match="requests per minute: must be at most 50"):
        validate(document([], chains), LIMITS)
    assert validate(document([], chains | {"poll_interval_seconds": 86_400}), LIMITS)


def test_the_requests_of_an_input_count_by_how_often_it_is_polled() -> None:
    slow = crypto(0, 100) | {"poll_interval_seconds": 120}

    wide = TradingConfig.from_document(document([], slow))

    assert data_requests_per_minute(wide) == Decimal("0.5")


def test_a_stored_config_says_what_of_it_is_too_expensive() -> None:
    heavy = TradingConfig.from_document(document([rule(0, KINDS["long rsi"], 8)]))

    assert too_expensive(heavy, LIMITS) is None
    problem = too_expensive(heavy, server(max_evaluation_cost=1000))
    assert problem == "rules: cost of evaluation is 2531, the server allows 1000"


def test_days_to_expiry_that_are_left_out_cost_nothing() -> None:
    chain = {"id": "o", "source": "alpaca", "asset_class": "us_option", "underlyings": ["SPY"]}
    near = chain | {"min_days_to_expiry": 0, "max_days_to_expiry": 30, "strike_window_pct": 50}
    far = near | {"min_days_to_expiry": 900, "max_days_to_expiry": 930}

    costs = [
        data_requests_per_minute(TradingConfig.from_document(document([], each)))
        for each in (near, far)
    ]

    assert costs[0] == costs[1]
