"""What a config would have asked today, on the facts that are stored: before it is saved."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from common import evaluation
from common.config import TradingConfig
from common.evaluation import EvaluationContext
from common.market import Metric, Snapshot, trading_day_start
from common.questions import question_text
from common.rules.base import Fired, MarketFacts
from infra.postgres.database import Transaction
from infra.postgres.market import sessions, sound_facts

# The newest instants of the day that are looked at: four hours of ticks each minute.
_INSTANTS = 240


@dataclass(frozen=True)
class WouldAsk:
    """A question that would have been asked at an instant."""

    at: datetime
    rule_id: str
    symbol: str
    text: str


def would_have_asked(tx: Transaction, config: TradingConfig, now: datetime) -> list[WouldAsk]:
    """Evaluate a config at each of today's newest stored instants, oldest first.

    Cooldowns count as live, each question as answered at once. Rules about positions see none, and
    what no current input fetches is not there. Guardrails are not asked: they depend on what the
    user did meanwhile.
    """
    day = sessions.day(tx, now)
    session = day.regular if day else None
    needs = config.needs()
    wanted = {key: count + _INSTANTS for key, count in needs.items()}
    stored, _ = sound_facts.latest(tx, wanted, now)
    histories = {key[:2]: (facts, needs[key]) for key, facts in stored.items()}
    last_asked: dict[str, datetime] = {}
    found = []
    for at in _instants(stored.values(), now):
        moment = EvaluationContext(at, _facts_at(histories, at), session)
        for evaluated in evaluation.evaluate(config, moment, {}):
            rule, outcome = evaluated.rule, evaluated.outcome
            rests = at - last_asked[rule.id] if rule.id in last_asked else None
            cools = rests is not None and rests < timedelta(seconds=rule.cooldown_seconds)
            if not isinstance(outcome, Fired) or cools:
                continue
            proposal = rule.on_answer_match.propose(config.asset_class_of(outcome.symbol), None)
            last_asked[rule.id] = at
            text = question_text(rule, outcome, proposal)
            found.append(WouldAsk(at, rule.id, outcome.symbol, text))
    return found


def _instants(histories: Collection[Sequence[Snapshot]], now: datetime) -> list[datetime]:
    """Return when something new was known today."""
    begin = trading_day_start(now)
    known = {fact.as_of for facts in histories for fact in facts if begin <= fact.as_of <= now}
    return sorted(known)[-_INSTANTS:]


def _facts_at(
    histories: Mapping[tuple[str, Metric], tuple[Sequence[Snapshot], int]], at: datetime
) -> MarketFacts:
    """Return of each history the newest facts that were true by then, oldest first."""
    facts = {}
    for key, (history, count) in histories.items():
        end = bisect_right(history, at, key=lambda fact: fact.as_of)
        facts[key] = history[max(0, end - count) : end]
    return facts
