"""Evaluates the rules of a config on stored facts: the same, live and on history."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from common.config import TradingConfig
from common.market import Session
from common.rules import Rule
from common.rules.base import MarketFacts, Outcome, Position, SymbolView


@dataclass(frozen=True)
class RuleEvaluation:
    """The outcome of one rule for one symbol; `position` is whose it was evaluated for, if any."""

    rule: Rule
    symbol: str
    outcome: Outcome
    position: Position | None = None


@dataclass(frozen=True)
class EvaluationContext:
    """What rules are evaluated on: an instant, the facts of a config's feeds, today's session."""

    now: datetime
    facts: MarketFacts
    session: Session | None


def evaluate(
    config: TradingConfig, moment: EvaluationContext, positions: Mapping[str, list[Position]]
) -> Iterator[RuleEvaluation]:
    """Evaluate each rule for each of its symbols.

    `positions` are the distinct ones that users of this config hold, by symbol; a rule about
    positions is evaluated once for each of them, any other rule once.
    """
    for rule in config.rules:
        for symbol in rule.all_symbols:
            view = SymbolView(
                symbol, moment.now, config.max_staleness, moment.facts, moment.session
            )
            if not rule.acts_on_position:
                yield RuleEvaluation(rule, symbol, _outcome(config, rule, view))
                continue
            held = positions.get(symbol, [])
            if not held:
                yield RuleEvaluation(rule, symbol, view.not_fired("no_position"))
            for position in held:
                outcome = _outcome(config, rule, replace(view, position=position))
                yield RuleEvaluation(rule, symbol, outcome, position)


def _outcome(config: TradingConfig, rule: Rule, view: SymbolView) -> Outcome:
    """Ask the rule, unless it is switched off or its market is closed."""
    if not rule.enabled:
        return view.not_fired("disabled")
    if not config.trades_at(view.symbol, view.now, view.session):
        return view.not_fired("market_closed")
    if view.position is not None and not view.position.is_explained:
        return view.not_fired("corporate_action")
    return rule.evaluate(view)
