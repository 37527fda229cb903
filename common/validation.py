"""What is checked when a config is saved: the document's own rules, and the server's limits.

A config that was valid when it was saved stays readable when a ceiling is lowered later: guardrails
then deny what exceeds it (docs/architecture.md, invariant 3).
"""

from collections.abc import Iterator
from decimal import Decimal

from common.actions import ProposeOrder
from common.bounds import is_ordinary
from common.config import TradingConfig
from common.costs import data_requests_per_minute, evaluation_cost
from common.errors import MalformedMessageError
from common.server_limits import USER_CAPS, ServerLimits


def validate(document: object, limits: ServerLimits) -> TradingConfig:
    """Return the config; raises MalformedMessageError that names every problem with its path."""
    try:
        config = TradingConfig.from_document(document)
    except MalformedMessageError as error:
        known = {problem.partition(":")[0] for problem in error.problems}
        also = [each for path, each in _high_numbers(document, limits) if path not in known]
        raise MalformedMessageError(*error.problems, *also) from error
    found = [
        *_over_ceilings(config, limits),
        *_unasked_live(config, limits),
    ]
    if found:
        raise MalformedMessageError(*found)
    return config


def too_expensive(config: TradingConfig, limits: ServerLimits) -> str | None:
    """Say what of a config costs everybody more than the server allows; None when nothing does."""
    for path, value, most in _costs(config, limits):
        if value > most:
            return f"{path} is {value}, the server allows {most}"
    return None


def _costs(
    config: TradingConfig, limits: ServerLimits
) -> tuple[tuple[str, Decimal | int, Decimal | int], ...]:
    return (
        (
            "data_inputs: requests per minute",
            data_requests_per_minute(config),
            limits.max_data_requests_per_minute,
        ),
        ("rules: cost of evaluation", evaluation_cost(config), limits.max_evaluation_cost),
    )


def _over_ceilings(config: TradingConfig, limits: ServerLimits) -> Iterator[str]:
    pairs: tuple[tuple[str, Decimal | int, Decimal | int], ...] = (
        *(
            (f"guardrails.{name}", getattr(config.guardrails, name), getattr(limits, name))
            for name in USER_CAPS
        ),
        ("data_inputs: distinct symbols", len(config.all_symbols), limits.max_stream_symbols),
        *_costs(config, limits),
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
            yield _over(path, ceiling)


def _over(path: str, ceiling: Decimal | int) -> str:
    return f"{path}: must be at most {ceiling}, the server's ceiling"


def _high_numbers(document: object, limits: ServerLimits) -> Iterator[tuple[str, str]]:
    """Yield path and problem of each limit that is too high, in a document that is malformed."""
    guardrails = document.get("guardrails") if isinstance(document, dict) else None
    given = guardrails if isinstance(guardrails, dict) else {}
    for name in USER_CAPS:
        value, ceiling = given.get(name, 0), getattr(limits, name)
        if isinstance(value, int | Decimal) and is_ordinary(Decimal(value)) and value > ceiling:
            path = f"guardrails.{name}"
            yield path, _over(path, ceiling)


def _unasked_live(config: TradingConfig, limits: ServerLimits) -> Iterator[str]:
    """Live money without a question needs the operator's leave."""
    unasked = not config.guardrails.require_question_before_order
    if unasked and config.mode == "live" and not limits.allow_unasked_live:
        yield "guardrails.require_question_before_order: must be true in mode live on this server"
