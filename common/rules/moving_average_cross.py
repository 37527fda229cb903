"""Fires when the fast simple moving average reaches the slow one, or goes through it.

    {"type": "moving_average_cross", "symbol": "SPY", "fast": 20, "slow": 50,
     "timeframe": "1Day", "direction": "up", ...}

`fast` and `slow` count closes. With `1Min` they are those of closed minutes of this session, so it
is silent until `slow` + 1 of them; the crossing lies between the last two minutes. With `1Day` they
are those of past days, and the last trade as today's; the crossing lies between the last two
observations, or between the last past day and the first observation of today.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StrictInt, model_validator

from common.market import Metric, Snapshot
from common.rules.base import BaseRule, Condition, NotFired, Outcome, SymbolView
from common.rules.shared import history
from common.rules.shared.crossing import crosses, last_two
from common.rules.shared.history import Timeframe, closes


class MovingAverageCross(Condition):
    """The condition `fast < slow` before and `fast >= slow` now (up), or the reverse (down)."""

    template_variables: ClassVar[frozenset[str]] = frozenset({"fast", "slow"})

    type: Literal["moving_average_cross"]
    fast: Annotated[StrictInt, Field(ge=1, le=199)]
    slow: Annotated[StrictInt, Field(ge=2, le=200)]
    timeframe: Timeframe
    direction: Literal["up", "down"]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError("fast must be below slow")
        return self

    @property
    def needs(self) -> Mapping[Metric, int]:
        """The closes of the slow average, now and before."""
        needed = history.needs(self.timeframe, self.slow + 1)
        return needed if self.timeframe == "1Min" else needed | {"last_trade": 2}

    def evaluate(self, view: SymbolView) -> Outcome:
        """Compare the sides of the slow average on which the fast one was and is."""
        trade = view.fresh_trade()
        if isinstance(trade, NotFired):
            return trade
        facts = closes(view, trade, self.timeframe, self.slow + 1, self.slow + 1)
        if isinstance(facts, NotFired):
            return facts
        before = self._before(view, facts)
        if isinstance(before, NotFired):
            return before
        fast, slow = _average(facts, self.fast), _average(facts, self.slow)
        if not crosses(self.direction, self._distance(before), self._distance(facts)):
            return view.not_fired("not_met", price=trade.price, fast=fast, slow=slow)
        seen = [*facts, *(fact for fact in before[-1:] if fact not in facts)]
        others = [fact for fact in seen if fact is not trade]
        return view.fired(trade, *others, fast=fast, slow=slow)

    def _before(self, view: SymbolView, facts: Sequence[Snapshot]) -> Sequence[Snapshot] | NotFired:
        """Return the closes as they were at the observation before."""
        if self.timeframe == "1Min":
            return facts[:-1]
        observed = last_two(view)
        if isinstance(observed, NotFired):
            return observed
        earlier, trade = observed
        same_day = earlier.day == trade.day
        return [*facts[:-1], earlier] if same_day else facts[:-1]

    def _distance(self, facts: Sequence[Snapshot]) -> Decimal:
        """Return `fast - slow`, times both periods: a product is exact, a quotient is not."""
        return _total(facts, self.fast) * self.slow - _total(facts, self.slow) * self.fast


class MovingAverageCrossRule(BaseRule, MovingAverageCross):
    """Asks when the averages cross."""


def _total(facts: Sequence[Snapshot], count: int) -> Decimal:
    return sum((fact.price for fact in facts[-count:]), Decimal(0))


def _average(facts: Sequence[Snapshot], count: int) -> Decimal:
    return _total(facts, count) / count
