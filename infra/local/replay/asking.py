"""Who may be asked, decided in memory as `infra.postgres.trading.opportunities` does in SQL."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common.config import TradingConfig
from common.rules import Rule
from common.rules.base import Fired


@dataclass
class AskState:
    """Whether one user may be asked now; `pending` are the rules whose question waits."""

    config: TradingConfig
    last_fired: dict[str, datetime] = field(default_factory=dict)
    flagged: set[tuple[str, str, datetime]] = field(default_factory=set)
    pending: set[str] = field(default_factory=set)

    def hold_back(self, rule: Rule, fired: Fired, denial: str | None, now: datetime) -> str | None:
        """Return why nobody is asked, or None and remember that they were.

        A reason that passes by itself comes before a guardrail's `denial`.
        """
        if rule.id in self.pending:
            return "question_pending"
        if len(self.pending) >= self.config.max_queued_questions:
            return "queue_full"
        last = self.last_fired.get(rule.id)
        if last is not None and last > now - timedelta(seconds=rule.cooldown_seconds):
            return "cooldown"
        if denial is not None:
            return denial
        self.last_fired[rule.id] = now
        seen = (rule.id, fired.symbol, fired.as_of)
        if seen in self.flagged:
            return "cooldown"
        self.flagged.add(seen)
        if self.config.guardrails.require_question_before_order:
            self.pending.add(rule.id)
        return None

    def follow_up(self, rule: Rule) -> bool:
        """Ask once more what the rule has asked, unless another question of it waits."""
        is_free = rule.id not in self.pending
        self.pending.add(rule.id)
        return is_free
