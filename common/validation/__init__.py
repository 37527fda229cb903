"""What is checked when a config is saved: the document's own rules, and the server's limits.

A config that was valid when it was saved stays readable when a ceiling is lowered later: guardrails
then deny what exceeds it (docs/architecture.md, invariant 3).
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice

from common.actions import ProposeOrder
from common.bounds import is_ordinary
from common.config import TradingConfig, with_default_feed
from common.costs import data_requests_per_minute, evaluation_cost
from common.errors import MalformedMessageError
from common.model import MOST_PROBLEMS
from common.rules import Rule
from common.server_limits import USER_CAPS, ServerLimits
from common.validation.partial_config import PartialConfig


def validate(document: object, limits: ServerLimits) -> TradingConfig:
    """Return the config; raises MalformedMessageError that names every problem with its path."""
    document = with_default_feed(document, limits.stock_feed)
    try:
        config = TradingConfig.from_document(document)
    except MalformedMessageError as error:
        raise MalformedMessageError(*_all_problems(document, error, limits)) from error
    found = [
        *_over_caps(vars(config.guardrails), limits),
        *_over_totals(config, dict(enumerate(config.rules)), limits),
        *_unasked_live(config.mode, config.guardrails.require_question_before_order, limits),
    ]
    if found:
        raise MalformedMessageError(*found)
    return config


def _all_problems(
    document: object, error: MalformedMessageError, limits: ServerLimits
) -> Iterator[str]:
    """Yield what is malformed, and what of the sound parts would be refused as well."""
    partial = PartialConfig.of(document)
    references = list(islice(partial.reference_problems(), MOST_PROBLEMS))
    # Problems of the whole document are those of its references: each is named by itself.
    malformed = [each for each in error.problems if not (references and _is_of_whole(each))]
    yield from malformed
    yield from references
    paths = {_path(problem) for problem in malformed}
    ceilings = (
        *_over_caps(_guardrails_of(document), limits),
        *_over_totals(partial.config, partial.rules, limits),
        *_unasked_live(*_mode_and_asking(document), limits),
    )
    yield from (each for each in ceilings if _path(each) not in paths)


def _path(problem: str) -> str:
    return problem.partition(":")[0]


def _is_of_whole(problem: str) -> bool:
    return _path(problem) == "document"


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


def _over_caps(guardrails: Mapping[str, object], limits: ServerLimits) -> Iterator[str]:
    """Yield each limit that is too high, also where the rest of the document is malformed."""
    for name in USER_CAPS:
        value, ceiling = guardrails.get(name), getattr(limits, name)
        if isinstance(value, int | Decimal) and is_ordinary(Decimal(value)) and value > ceiling:
            yield _over(f"guardrails.{name}", ceiling)


def _over_totals(
    config: TradingConfig, rules: Mapping[int, Rule], limits: ServerLimits
) -> Iterator[str]:
    """Yield what inputs and rules, by their number in the document, say above a ceiling."""
    pairs: tuple[tuple[str, Decimal | int, Decimal | int], ...] = (
        ("data_inputs: distinct symbols", len(config.all_symbols), limits.max_stream_symbols),
        *_costs(config, limits),
        *(
            (
                f"rules[{number}].on_answer_match.notional_usd",
                rule.on_answer_match.notional_usd or 0,
                limits.max_order_notional_usd,
            )
            for number, rule in rules.items()
            if isinstance(rule.on_answer_match, ProposeOrder)
        ),
    )
    for path, value, ceiling in pairs:
        if value > ceiling:
            yield _over(path, ceiling)


def _over(path: str, ceiling: Decimal | int) -> str:
    return f"{path}: must be at most {ceiling}, the server's ceiling"


def _mode_and_asking(document: object) -> tuple[object, object]:
    mode = document.get("mode") if isinstance(document, dict) else None
    return mode, _guardrails_of(document).get("require_question_before_order", True)


def _guardrails_of(document: object) -> Mapping[str, object]:
    found = document.get("guardrails") if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _unasked_live(mode: object, is_asked: object, limits: ServerLimits) -> Iterator[str]:
    """Live money without a question needs the operator's leave."""
    if is_asked is False and mode == "live" and not limits.allow_unasked_live:
        yield "guardrails.require_question_before_order: must be true in mode live on this server"
