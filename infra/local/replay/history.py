"""`countersign replay`: a user's rules over recorded minutes, placing nothing.

The same engine on the same facts as live: the broker's client reads the simulator, in this process
and without a network; facts are kept in memory instead of Postgres. A question is taken as answered
one minute later, as `countersign demo --replay` does.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from common import evaluation
from common.actions import Proposal
from common.config import TradingConfig
from common.evaluation import EvaluationContext, RuleEvaluation
from common.inputs import CryptoInput, StockInput
from common.market import Metric, Session, Snapshot
from common.rules import Rule
from common.rules.base import Fired, MarketFacts
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.market_data import AlpacaMarketData
from infra.local.narrator import Narrator
from infra.local.report import json_value
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.recording import Recording
from infra.workflows.market_fetch import fetch_spot, merge

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class ReplayedOpportunity:
    """A rule that fired, at which minute, and the order that a yes would have led to."""

    rule: Rule
    fired: Fired
    fired_at: datetime
    proposal: Proposal


@dataclass(frozen=True)
class History:
    """What the rules said of a session: when they fired, and why they did not."""

    session: Session
    opportunities: Sequence[ReplayedOpportunity]
    not_fired: Mapping[str, Mapping[str, int]]
    prices: Mapping[str, Sequence[tuple[datetime, Decimal]]]

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints; numbers are JSON numbers."""
        return {
            "session": {
                "open": json_value(self.session.open),
                "close": json_value(self.session.close),
            },
            "opportunities": [_opportunity(each) for each in self.opportunities],
            "orders": [_order(each) for each in self.opportunities],
            "silent": {rule: dict(reasons) for rule, reasons in self.not_fired.items()},
        }


def replay(config: TradingConfig, files: Sequence[Path], narrator: Narrator) -> History:
    """Evaluate the rules at each minute of the last file's regular session."""
    recording = Recording.read(files)
    session = recording.last_session
    with SimulatedBroker(SimulatedClock(session.open), recording=recording) as simulator:
        run = _Run(config, simulator, Session(session.open, session.close))
        minutes = int((session.close - session.open) / MINUTE)
        with narrator.progress() as progress:
            task = progress.add_task("Replay", total=minutes)
            for minute in range(1, minutes + 1):
                run.minute(session.open + minute * MINUTE)
                progress.advance(task)
    return run.history()


@dataclass
class _Memory:
    """Stored facts, each once, as `market_data_snapshots` keeps them."""

    facts: dict[tuple[str, Metric, str], dict[datetime, Snapshot]] = field(default_factory=dict)

    def store(self, found: Sequence[Snapshot]) -> None:
        for fact in found:
            kept = self.facts.setdefault((fact.symbol, fact.metric, fact.feed), {})
            kept.setdefault(fact.as_of, fact)

    def newest(self, key: tuple[str, Metric, str], count: int) -> Sequence[Snapshot]:
        kept = self.facts.get(key, {})
        return [kept[as_of] for as_of in sorted(kept)[-count:]]


class _Run:
    """One session: ingest and evaluate, minute by minute."""

    def __init__(self, config: TradingConfig, simulator: SimulatedBroker, session: Session) -> None:
        self._config, self._simulator, self._session = config, simulator, session
        http = AlpacaHttp(
            "http://simulator",
            simulator.key_id,
            simulator.secret_key,
            transport=httpx.WSGITransport(simulator.app),
        )
        self._data = AlpacaMarketData(http)
        self._memory = _Memory()
        self._cursors: dict[str, datetime] = {}
        self._asking = AskState(config)
        self._opportunities: list[ReplayedOpportunity] = []
        self._silent: dict[str, Counter[str]] = {}

    def minute(self, now: datetime) -> None:
        """Let one minute of the market pass."""
        self._simulator.clock.set(now)
        self._ingest(now)
        moment = EvaluationContext(now, self._facts(), self._session)
        self._asking.begin_tick()
        for evaluated in evaluation.evaluate(self._config, moment, {}):
            self._take(evaluated, now)

    def history(self) -> History:
        """Sum the session up."""
        prices = {
            symbol: [(fact.as_of, fact.price) for fact in self._memory.newest(key, 100_000)]
            for key in self._memory.facts
            if (symbol := key[0]) and key[1] == "last_trade"
        }
        return History(self._session, self._opportunities, self._silent, prices)

    def _ingest(self, now: datetime) -> None:
        due = [
            each
            for each in self._config.data_inputs
            if isinstance(each, StockInput | CryptoInput)
            and each.is_due(self._cursors.get(each.key), now)
        ]
        harvest = merge(fetch_spot(self._data, due, self._cursors, now))
        self._memory.store(harvest.facts)
        self._cursors |= dict.fromkeys(harvest.cursors, now)

    def _facts(self) -> MarketFacts:
        needs = self._config.needs()
        return {key[:2]: self._memory.newest(key, count) for key, count in needs.items()}

    def _take(self, evaluated: RuleEvaluation, now: datetime) -> None:
        rule, outcome = evaluated.rule, evaluated.outcome
        if isinstance(outcome, Fired):
            held_back = self._asking.hold_back(rule, outcome, now)
            if held_back is None:
                asset_class = self._config.asset_class_of(outcome.symbol)
                proposal = rule.on_answer_match.propose(asset_class, None)
                self._opportunities.append(ReplayedOpportunity(rule, outcome, now, proposal))
                return
            reason = held_back
        else:
            reason = outcome.reason
        self._silent.setdefault(rule.id, Counter())[reason] += 1


@dataclass
class AskState:
    """Whether a user may be asked, as `infra.postgres.trading.opportunities` decides it in SQL."""

    config: TradingConfig
    last_fired: dict[str, datetime] = field(default_factory=dict)
    flagged: set[tuple[str, str, datetime]] = field(default_factory=set)
    pending: set[str] = field(default_factory=set)

    def begin_tick(self) -> None:
        """Take the questions of the minute before as answered."""
        self.pending.clear()

    def hold_back(self, rule: Rule, fired: Fired, now: datetime) -> str | None:
        """Return why nobody is asked, or None and remember that they were."""
        if rule.id in self.pending:
            return "question_pending"
        if len(self.pending) >= self.config.max_queued_questions:
            return "queue_full"
        last = self.last_fired.get(rule.id)
        if last is not None and last > now - timedelta(seconds=rule.cooldown_seconds):
            return "cooldown"
        self.last_fired[rule.id] = now
        seen = (rule.id, fired.symbol, fired.as_of)
        if seen in self.flagged:
            return "cooldown"
        self.flagged.add(seen)
        self.pending.add(rule.id)
        return None


def _opportunity(each: ReplayedOpportunity) -> dict[str, Any]:
    fired = each.fired
    fields = {
        "rule_id": each.rule.id,
        "symbol": fired.symbol,
        "price": fired.price,
        "reference": fired.reference,
        "pct": fired.pct,
        "values": dict(fired.values),
        "as_of": fired.as_of,
        "fired_at": each.fired_at,
    }
    return {key: json_value(value) for key, value in fields.items()}


def _order(each: ReplayedOpportunity) -> dict[str, Any]:
    proposal = each.proposal
    fields = {
        "rule_id": each.rule.id,
        "symbol": each.fired.symbol,
        "side": proposal.side,
        "notional_usd": proposal.notional_usd,
        "qty": proposal.qty,
        "order_type": proposal.order_type,
        "at": each.fired_at,
    }
    return {key: json_value(value) for key, value in fields.items()}


def lines(history: History) -> Iterator[str]:
    """Say it to a person."""
    for each in history.opportunities:
        fired, proposal = each.fired, each.proposal
        pct = "" if fired.pct is None else f" ({fired.pct:+.2f}%)"
        seen = f"{fired.symbol} at {fired.price}{pct}"
        order = f"{proposal.side} {proposal.size}"
        yield f"{each.fired_at:%H:%M}Z {each.rule.id}: {seen}, would {order}"
    for rule, reasons in history.not_fired.items():
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        yield f"{rule} was silent: {counts}"
