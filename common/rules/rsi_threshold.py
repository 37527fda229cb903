"""Fires while the relative strength index is at a threshold or beyond it.

    {"type": "rsi_threshold", "symbol": "SPY", "period": 14, "timeframe": "1Day",
     "threshold": 30, "direction": "below", ...}

Wilder's index, from 0 to 100: the average gain and the average loss of the first `period` changes
are their means; each later change enters with weight 1 / `period`. It starts up to 10 `period`
closes back, by when the start no longer shows. With `1Min` the closes are those of closed minutes
of this session, so it is silent until `period` + 1 of them; with `1Day` those of past days, and the
last trade as today's. Prices that never moved have an index of 50. Compared as shown: to 0.0001.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictInt

from common.market import Metric
from common.model import Exact
from common.rules.base import BaseRule, Condition, NotFired, Outcome, SymbolView
from common.rules.shared import history
from common.rules.shared.history import Timeframe, closes

# After nine more periods the first mean weighs (1 - 1 / period) ** (9 * period), about 0.0001.
WARM_UP = 10
_NEUTRAL = Decimal(50)


class RsiThreshold(Condition):
    """The condition `rsi <= threshold` (below) or `rsi >= threshold` (above)."""

    template_variables: ClassVar[frozenset[str]] = frozenset({"rsi"})

    type: Literal["rsi_threshold"]
    period: Annotated[StrictInt, Field(ge=2, le=30)] = 14
    timeframe: Timeframe
    threshold: Annotated[Exact, Field(gt=0, lt=100)]
    direction: Literal["below", "above"]

    @property
    def needs(self) -> Mapping[Metric, int]:
        """The closes of the index and of its start."""
        return history.needs(self.timeframe, self.period * WARM_UP)

    def evaluate(self, view: SymbolView) -> Outcome:
        """Compare the index with the threshold."""
        trade = view.fresh_trade()
        if isinstance(trade, NotFired):
            return trade
        most = self.period * WARM_UP
        facts = closes(view, trade, self.timeframe, self.period + 1, most)
        if isinstance(facts, NotFired):
            return facts
        rsi = rsi_of([fact.price for fact in facts], self.period)
        if rsi > self.threshold if self.direction == "below" else rsi < self.threshold:
            return view.not_fired("not_met", price=trade.price, rsi=rsi)
        return view.fired(trade, *(fact for fact in facts if fact is not trade), rsi=rsi)


class RsiThresholdRule(BaseRule, RsiThreshold):
    """Asks when the index is there."""


def rsi_of(prices: Sequence[Decimal], period: int) -> Decimal:
    """Return Wilder's index of more than `period` prices, oldest first, to 0.0001."""
    changes = [later - earlier for earlier, later in pairwise(prices)]
    gain = _smoothed([max(change, Decimal(0)) for change in changes], period)
    loss = _smoothed([max(-change, Decimal(0)) for change in changes], period)
    index = 100 * gain / (gain + loss) if gain + loss else _NEUTRAL
    return index.quantize(Decimal("0.0001"))


def _smoothed(moves: Sequence[Decimal], period: int) -> Decimal:
    """Return Wilder's average, times the period: so the first one is an exact sum."""
    total = sum(moves[:period], Decimal(0))
    for move in moves[period:]:
        total += move - total / period
    return total
