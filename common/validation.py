"""What is checked when a config is saved: the document's own rules, and the server's limits.

A config that was valid when it was saved stays readable when a ceiling is lowered later: guardrails
then deny what exceeds it (design section 3.3).
"""

from collections.abc import Iterator
from decimal import Decimal

from common.actions import ClosePosition, ProposeOrder
from common.config import TradingConfig
from common.costs import data_requests_per_minute, evaluation_cost
from common.errors import MalformedMessageError
from common.market import AssetClass
from common.server_limits import ServerLimits


def validate(document: object, limits: ServerLimits) -> TradingConfig:
    """Return the config; raises MalformedMessageError that names every problem with its path."""
    config = TradingConfig.from_document(document)
    found = [
        *_over_ceilings(config, limits),
        *_unfit_actions(config),
        *_unasked_live(config, limits),
    ]
    if found:
        raise MalformedMessageError(*found)
    return config


def _over_ceilings(config: TradingConfig, limits: ServerLimits) -> Iterator[str]:
    guardrails = config.guardrails
    pairs: tuple[tuple[str, Decimal | int, Decimal | int], ...] = (
        (
            "guardrails.max_orders_per_day",
            guardrails.max_orders_per_day,
            limits.max_orders_per_day,
        ),
        (
            "guardrails.max_notional_usd_per_4h",
            guardrails.max_notional_usd_per_4h,
            limits.max_notional_usd_per_4h,
        ),
        ("data_inputs: distinct symbols", len(config.all_symbols), limits.max_stream_symbols),
        (
            "data_inputs: requests per minute",
            data_requests_per_minute(config),
            limits.max_data_requests_per_minute,
        ),
        ("rules: cost of evaluation", evaluation_cost(config), limits.max_evaluation_cost),
        *(
            (
                f"rules[{number}].on_answer_match.notional_usd",
                rule.on_answer_match.notional_usd or 0,
                limits.max_order_notional_usd,
            )
            for number, rule in enumerate(config.rules)
            if isinstance(rule.on_answer_match, ProposeOrder)
        ),
    )
    for path, value, ceiling in pairs:
        if value > ceiling:
            yield f"{path}: must be at most {ceiling}, the server's ceiling"


def _unasked_live(config: TradingConfig, limits: ServerLimits) -> Iterator[str]:
    """Live money without a question needs the operator's leave."""
    unasked = not config.guardrails.require_question_before_order
    if unasked and config.mode == "live" and not limits.allow_unasked_live:
        yield "guardrails.require_question_before_order: must be true in mode live on this server"


def _unfit_actions(config: TradingConfig) -> Iterator[str]:
    """Name the actions that the broker would refuse for their asset class (alpaca-api.md 5.1)."""
    for number, rule in enumerate(config.rules):
        for asset_class in {config.asset_class_of(symbol) for symbol in rule.all_symbols}:
            problem = _unfit(rule.on_answer_match, asset_class)
            if problem:
                yield f"rules[{number}].on_answer_match.{problem}"


def _unfit(action: ProposeOrder | ClosePosition, asset_class: AssetClass) -> str | None:
    if isinstance(action, ClosePosition):
        return None
    given = action.time_in_force
    if asset_class == "crypto" and given == "day":
        return "time_in_force: crypto takes gtc or ioc"
    if asset_class == "us_equity" and given == "ioc":
        return "time_in_force: stocks take day or gtc"
    fractional = action.qty is None or action.qty != action.qty.to_integral_value()
    if asset_class == "us_equity" and fractional and given == "gtc":
        return "time_in_force: notional and fractional stock orders are day orders"
    if asset_class == "us_equity" and fractional and action.order_type == "limit":
        return "order_type: fractional stock orders are market orders"
    return None
