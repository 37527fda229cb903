"""Fires while the relative strength index is at a threshold or beyond it.

    {"type": "rsi_threshold", "symbol": "SPY", "period": 14, "timeframe": "1Day",
     "threshold": 30, "direction": "below", ...}

Wilder's index, from 0 to 100, as TA-Lib computes it: the average gain and the average loss of the
first `period` changes are their means; each later change enters with weight 1 / `period`. What came
before the first close shows less and less: the index is silent until that moves it by at most 0.01,
which takes 140 closes for a period of 14.

With `1Day` the closes are those of past days, and the last trade as today's. With `1Min` they are
those of closed minutes. Nothing comes before the first minute of a stock's session, so from there
it takes `period` + 1 of them. While prices stand still both averages shrink alike and the index
stays; prices that never moved have an index of 50, where TA-Lib says 0. Compared as shown: to
0.0001.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictInt

from common.market import Metric, Snapshot
from common.model import Exact
from common.rules.base import BaseRule, Condition, NotFired, Outcome, SymbolView
from common.rules.shared import history
from common.rules.shared.history import Timeframe, closes

# What the first mean may still weigh: a ten-thousandth moves an index of up to 100 by 0.01.
SETTLED = 1e-4
# The minutes of a stock's session.
_SESSION = 390
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
        return history.needs(self.timeframe, self._most)

    @property
    def _most(self) -> int:
        settled = closes_until(self.period, SETTLED)
        return max(settled, _SESSION) if self.timeframe == "1Min" else settled

    def evaluate(self, view: SymbolView) -> Outcome:
        """Compare the index with the threshold."""
        trade = view.fresh_trade()
        if isinstance(trade, NotFired):
            return trade
        facts = closes(view, trade, self.timeframe, self.period + 1, self._most)
        if isinstance(facts, NotFired):
            return facts
        settled = closes_until(self.period, SETTLED)
        if len(facts) < settled and not self._begins_with_session(view, facts[0]):
            return view.not_fired("no_data", missing="warm-up", found=len(facts), needed=settled)
        rsi = rsi_of([fact.price for fact in facts], self.period)
        if rsi > self.threshold if self.direction == "below" else rsi < self.threshold:
            return view.not_fired("not_met", price=trade.price, rsi=rsi)
        return view.fired(trade, *(fact for fact in facts if fact is not trade), rsi=rsi)

    def _begins_with_session(self, view: SymbolView, first: Snapshot) -> bool:
        """Return whether nothing comes before the first close: it is of the first minutes."""
        stock_minutes = self.timeframe == "1Min" and first.asset_class == "us_equity"
        session = view.session
        return stock_minutes and session is not None and first.as_of - session.open <= view.max_age


class RsiThresholdRule(BaseRule, RsiThreshold):
    """Asks when the index is there."""


def rsi_of(prices: Sequence[Decimal], period: int) -> Decimal:
    """Return Wilder's index of more than `period` prices, oldest first, to 0.0001."""
    changes = [later - earlier for earlier, later in pairwise(prices)]
    gain = _smoothed([max(change, Decimal(0)) for change in changes], period)
    loss = _smoothed([max(-change, Decimal(0)) for change in changes], period)
    index = 100 * gain / (gain + loss) if gain + loss else _NEUTRAL
    return index.quantize(Decimal("0.0001"))


def closes_until(period: int, weight: float) -> int:
    """Return how many closes it takes until the mean of the first changes weighs so little."""
    return period + 1 + math.ceil(math.log(weight) / math.log(1 - 1 / period))


def _smoothed(moves: Sequence[Decimal], period: int) -> Decimal:
    """Return Wilder's average, times the period: so the first one is an exact sum."""
    total = sum(moves[:period], Decimal(0))
    for move in moves[period:]:
        total += move - total / period
    return total
