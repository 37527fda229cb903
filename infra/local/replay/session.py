"""`countersign replay`: a user's rules and caps over recorded minutes, in memory and in seconds.

The same engine and the same guardrails as live, on the same facts: the broker's clients read the
simulator, in this process and without a network; what live stores in Postgres is kept in memory.
Each question is taken as answered with a yes one minute later, as `countersign demo --replay` does.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import httpx

from common import evaluation
from common.config import TradingConfig
from common.evaluation import EvaluationContext, RuleEvaluation
from common.guardrails.facts import Denied
from common.inputs import CryptoInput, StockInput
from common.market import Metric, Session, Snapshot
from common.questions import follow_up_terms, terms
from common.rules.base import Fired, MarketFacts
from common.server_limits import ServerLimits
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.local.narrator import Narrator
from infra.local.replay.account import ReplayedAccount
from infra.local.replay.asking import AskState
from infra.local.replay.history import History, ReplayedOpportunity
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from infra.simulator.market.recording import Recording
from infra.workflows.asking import Judgement, code_of, judge
from infra.workflows.market_fetch import fetch_spot, merge

MINUTE = timedelta(minutes=1)
_ALL = 100_000  # more facts than a session has


def replay(
    config: TradingConfig, recording: Recording, limits: ServerLimits, narrator: Narrator
) -> History:
    """Live through the recording's last regular session; `limits` are the server's."""
    session = recording.last_session
    with SimulatedBroker(SimulatedClock(session.open), recording=recording) as simulator:
        run = _Run(
            config, _for_mode(limits, config), simulator, Session(session.open, session.close)
        )
        minutes = int((session.close - session.open) / MINUTE)
        with narrator.progress() as progress:
            task = progress.add_task("Replay", total=minutes)
            for minute in range(1, minutes + 1):
                run.minute(session.open + minute * MINUTE)
                progress.advance(task)
        return run.history()


def _for_mode(limits: ServerLimits, config: TradingConfig) -> ServerLimits:
    """Let a config be tried in its own mode: no order leaves this machine either way."""
    live = config.mode == "live"
    return replace(limits, trading_enabled=True, broker_is_live=live, allow_live=live)


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

    def prices(self) -> dict[str, list[tuple[datetime, Decimal]]]:
        return {
            key[0]: [(fact.as_of, fact.price) for fact in self.newest(key, _ALL)]
            for key in self.facts
            if key[1] == "last_trade"
        }

    def last_prices(self) -> dict[str, Decimal]:
        return {
            key[0]: kept[max(kept)].price
            for key, kept in self.facts.items()
            if key[1] == "last_trade"
        }


class _Run:
    """One session: answer, ingest, evaluate, ask and reconcile, minute by minute."""

    def __init__(
        self,
        config: TradingConfig,
        server: ServerLimits,
        simulator: SimulatedBroker,
        session: Session,
    ) -> None:
        self._config, self._server, self._session = config, server, session
        self._simulator = simulator
        http = AlpacaHttp(
            "http://simulator",
            simulator.key_id,
            simulator.secret_key,
            transport=httpx.WSGITransport(simulator.app),
        )
        self._data = AlpacaMarketData(http)
        self._account = ReplayedAccount(config, server, session, self._data, AlpacaTrading(http))
        self._memory = _Memory()
        self._cursors: dict[str, datetime] = {}
        self._asking = AskState(config)
        self._asked: list[ReplayedOpportunity] = []
        self._opportunities: list[ReplayedOpportunity] = []
        self._silent: dict[str, Counter[str]] = {}

    def minute(self, now: datetime) -> None:
        """Let one minute of the market pass."""
        self._simulator.clock.set(now)
        self._say_yes(now)
        self._ask_again(now)
        self._ingest(now)
        self._evaluate(now)
        self._account.reconcile(now)
        self._ask_again(now)

    def history(self) -> History:
        """Sum the session up."""
        return History(self._session, self._opportunities, self._silent, self._memory.prices())

    def _say_yes(self, now: datetime) -> None:
        """Approve what was asked a minute ago."""
        for each in self._asked:
            if now <= each.terms.expires_at:
                self._submit(each, asked=True, now=now)
        self._asked = []
        self._asking.pending.clear()

    def _ask_again(self, now: datetime) -> None:
        """Ask once about what the broker did not execute, unless a yes could only be denied."""
        failed = {each.order.id for each in self._account.failed}
        self._account.failed.clear()
        # A follow-up is none of these: nobody is asked a third time.
        for each in self._opportunities:
            if each.order is None or each.order.order.id not in failed:
                continue
            again = replace(each, fired_at=now, terms=follow_up_terms(each.terms, now), order=None)
            is_asked = each.order.order.question_id and each.rule.ask_again_on_failure
            if is_asked and self._judge(again, now) is None and self._asking.follow_up(each.rule):
                each.follow_up = again
                self._asked.append(again)

    def _submit(self, each: ReplayedOpportunity, *, asked: bool, now: datetime) -> None:
        prices = self._memory.last_prices()
        each.order = self._account.submit(each.terms, asked=asked, prices=prices, now=now)

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

    def _evaluate(self, now: datetime) -> None:
        """Ask whom a rule fired for, unless a guardrail or the queue stands against it."""
        moment = EvaluationContext(now, self._facts(), self._session)
        found: list[tuple[ReplayedOpportunity, Judgement]] = []
        for evaluated in evaluation.evaluate(self._config, moment, self._account.positions):
            if isinstance(evaluated.outcome, Fired):
                each = self._opportunity(evaluated, evaluated.outcome, now)
                found.append((each, self._judge(each, now)))
            else:
                self._note_silent(evaluated.rule.id, evaluated.outcome.reason)
        self._trip([judged for _, judged in found])
        for each, judged in found:
            held_back = self._asking.hold_back(each.rule, each.fired, code_of(judged), now)
            if held_back is None:
                self._opportunities.append(each)
                self._asked.append(each)
            else:
                self._note_silent(each.rule.id, held_back)
        if not self._config.guardrails.require_question_before_order:
            for each in self._asked:
                self._submit(each, asked=False, now=now)
            self._asked = []

    def _opportunity(
        self, evaluated: RuleEvaluation, fired: Fired, now: datetime
    ) -> ReplayedOpportunity:
        rule, position = evaluated.rule, evaluated.position
        asset_class = self._config.asset_class_of(fired.symbol)
        proposal = rule.on_answer_match.propose(asset_class, position.qty if position else None)
        bound = terms(rule, fired, proposal, self._config.hash, now)
        return ReplayedOpportunity(rule, fired, now, bound)

    def _judge(self, each: ReplayedOpportunity, now: datetime) -> Judgement:
        """Ask the guardrails that need no broker."""
        bound, prices = each.terms, self._memory.last_prices()
        exposure = self._account.exposure(bound.symbol, bound.side, prices, now)
        return judge(bound, self._config, self._server, now, exposure)

    def _trip(self, judged: Sequence[Judgement]) -> None:
        """Trip the breaker once all are judged; a loss that cannot be told trips nothing."""
        for each in judged:
            if isinstance(each, Denied) and each.context.get("day_pnl") is not None:
                self._account.trip(each)

    def _note_silent(self, rule_id: str, reason: str) -> None:
        self._silent.setdefault(rule_id, Counter())[reason] += 1
