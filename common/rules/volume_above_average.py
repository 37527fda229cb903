"""Fires while today's volume so far is some multiple of an average full day's.

    {"type": "volume_above_average", "symbol": "SPY", "factor": 1.5, "days": 20, ...}

The average is that of the last 20 sessions. With 1,000,000 a day it fires from 1,500,000 traded
today on, and is silent at 1,499,999. All volumes are those of the input's own feed.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictInt

from common.market import Metric, Snapshot
from common.model import Exact
from common.rules.base import BaseRule, Condition, NotFired, Outcome, SymbolView
from common.rules.shared.history import past_days


class VolumeAboveAverage(Condition):
    """The condition `volume >= factor * average`."""

    template_variables: ClassVar[frozenset[str]] = frozenset({"volume", "average"})

    type: Literal["volume_above_average"]
    factor: Annotated[Exact, Field(gt=0, le=1000)]
    days: Annotated[StrictInt, Field(ge=1, le=250)]

    @property
    def needs(self) -> Mapping[Metric, int]:
        """Today's bar and those of the days before."""
        return {"last_trade": 1, "prev_close": 1, "daily_bar": 1, "daily_close": self.days + 1}

    def evaluate(self, view: SymbolView) -> Outcome:
        """Compare today's volume with the average."""
        trade = view.fresh_trade()
        if isinstance(trade, NotFired):
            return trade
        today = self._today(view, trade)
        if isinstance(today, NotFired):
            return today
        days = past_days(view, trade, self.days, self.days)
        if isinstance(days, NotFired):
            return days
        volume, total = _volume(today), sum((_volume(day) for day in days), Decimal(0))
        if not total:
            return view.not_fired("no_data", missing="volume", volume=volume)
        average = total / self.days
        # Compared as products: a quotient of decimals is rounded, a product is exact.
        if volume * self.days < self.factor * total:
            return view.not_fired("not_met", price=trade.price, volume=volume, average=average)
        return view.fired(trade, today, *days, volume=volume, average=average)

    def _today(self, view: SymbolView, trade: Snapshot) -> Snapshot | NotFired:
        bar = view.latest("daily_bar")
        if bar is None:
            return view.not_fired("no_data", missing="daily_bar")
        if bar.day != trade.day:
            return view.not_fired("stale", daily_bar=bar.as_of.isoformat())
        return bar


class VolumeAboveAverageRule(BaseRule, VolumeAboveAverage):
    """Asks when so much is traded."""


def _volume(bar: Snapshot) -> Decimal:
    return bar.volume or Decimal(0)
