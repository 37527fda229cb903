from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from common import evaluation
from common.config import TradingConfig
from common.evaluation import EvaluationContext, RuleEvaluation
from common.market import Metric, Session, Snapshot
from common.rules.base import Position
from tests.unit.rules.facts import ASKING, METRICS, NOON, SESSION, held, reason, trades

LEVEL = {"type": "price_crosses_level", "level": 500, "direction": "up"}
GAIN = {"type": "position_gain_pct", "threshold_pct": 5}


def config(*rules: dict[str, Any]) -> TradingConfig:
    watched = {"source": "alpaca", "metrics": METRICS}
    return TradingConfig.from_document(
        {
            "version": 1,
            "enabled": True,
            "data_inputs": [
                watched | {"id": "stocks", "asset_class": "us_equity", "symbols": ["SPY", "AAPL"]},
                watched | {"id": "coins", "asset_class": "crypto", "symbols": ["BTC/USD"]},
            ],
            "rules": [
                {"symbol": "SPY"} | ASKING | each | {"id": f"rule-{number}"}
                for number, each in enumerate(rules)
            ],
            "guardrails": {"max_orders_per_day": 3, "max_notional_usd_per_4h": 100},
        }
    )


def evaluate(
    *rules: dict[str, Any],
    positions: Mapping[str, list[Position]] | None = None,
    now: datetime = NOON,
    session: Session | None = SESSION,
) -> list[RuleEvaluation]:
    """What rules say when every symbol has just crossed 500."""
    facts: dict[tuple[str, Metric], list[Snapshot]] = {
        (symbol, "last_trade"): trades(499, 501, symbol=symbol)
        for symbol in ("SPY", "AAPL", "BTC/USD")
    }
    moment = EvaluationContext(now, facts, session)
    return list(evaluation.evaluate(config(*rules), moment, positions or {}))


def reasons(evaluated: list[RuleEvaluation]) -> list[tuple[str, str, str]]:
    return [(each.rule.id, each.symbol, reason(each.outcome)) for each in evaluated]


def test_each_rule_is_evaluated_for_each_of_its_symbols() -> None:
    several = LEVEL | {"symbol": None, "symbols": ["AAPL", "BTC/USD"]}

    assert reasons(evaluate(LEVEL, several)) == [
        ("rule-0", "SPY", "fired"),
        ("rule-1", "AAPL", "fired"),
        ("rule-1", "BTC/USD", "fired"),
    ]


def test_a_rule_that_is_switched_off_says_so() -> None:
    assert reasons(evaluate(LEVEL | {"enabled": False})) == [("rule-0", "SPY", "disabled")]


def test_outside_the_session_only_crypto_is_evaluated() -> None:
    coin = LEVEL | {"symbol": "BTC/USD"}

    assert reasons(evaluate(LEVEL, coin, session=None)) == [
        ("rule-0", "SPY", "market_closed"),
        ("rule-1", "BTC/USD", "fired"),
    ]


def test_a_rule_about_positions_is_evaluated_once_for_each_distinct_one() -> None:
    ahead, behind = held(1, 400), held(-1, 400)

    evaluated = evaluate(GAIN, LEVEL, positions={"SPY": [ahead, behind]})

    assert [(reason(each.outcome), each.position) for each in evaluated] == [
        ("fired", ahead),
        ("not_met", behind),
        ("fired", None),
    ]


def test_a_rule_about_positions_that_nobody_holds_says_so() -> None:
    closing = LEVEL | {"on_answer_match": {"action": "close_position"}}

    assert reasons(evaluate(GAIN, closing, positions={"AAPL": [held(1, 400)]})) == [
        ("rule-0", "SPY", "no_position"),
        ("rule-1", "SPY", "no_position"),
    ]


def test_a_position_to_which_something_unexplained_happened_fires_no_rule() -> None:
    odd = replace(held(1, 400), is_explained=False)

    assert reasons(evaluate(GAIN, positions={"SPY": [odd]})) == [
        ("rule-0", "SPY", "corporate_action")
    ]
