"""Fires when the price moved by some percent within the last minutes.

    {"type": "pct_change_over_window", "symbol": "SPY", "window_minutes": 30,
     "threshold_pct": -2, ...}

A negative threshold fires on a fall of that much or more, a positive one on a rise: from 500 half
an hour ago it fires at 490 and below, and is silent at 490.01. The price then is the last one
observed up to that instant. It must have been fresh at that instant, as the price now must be now:
so there is no price then before the session's first minutes, nor in a hole of the data.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictInt, field_validator

from common.market import Metric, Snapshot, is_fresh
from common.model import Exact
from common.rules.base import BaseRule, Condition, NotFired, Outcome, SymbolView
from common.rules.shared.reference import percent

# Observations come once a minute, give or take: enough of them to reach back over the window.
SPARE = 10


class PctChangeOverWindow(Condition):
    """The condition `100 * (price / then - 1)` at or beyond `threshold_pct`."""

    template_variables: ClassVar[frozenset[str]] = frozenset({"ref", "pct", "window"})

    type: Literal["pct_change_over_window"]
    window_minutes: Annotated[StrictInt, Field(ge=1, le=390)]
    threshold_pct: Annotated[Exact, Field(gt=-100, lt=1000)]

    @field_validator("threshold_pct")
    @classmethod
    def _moves(cls, threshold: Decimal) -> Decimal:
        if not threshold:
            raise ValueError("must be below 0 (a fall) or above 0 (a rise)")
        return threshold

    @property
    def needs(self) -> Mapping[Metric, int]:
        """As many observations as the window can hold."""
        return {"last_trade": self.window_minutes + SPARE}

    def evaluate(self, view: SymbolView) -> Outcome:
        """Compare a fresh trade with the price at the window's start."""
        trade = view.fresh_trade()
        if isinstance(trade, NotFired):
            return trade
        then = self._then(view)
        if isinstance(then, NotFired):
            return then
        pct = percent(trade.price, then.price)
        # Compared as products: a quotient of decimals is rounded, a product is exact.
        moved, bound = 100 * trade.price, (100 + self.threshold_pct) * then.price
        if moved > bound if self.threshold_pct < 0 else moved < bound:
            return view.not_fired("not_met", price=trade.price, reference=then.price, pct=pct)
        fired = view.fired(trade, then, window=self.window_minutes)
        return replace(fired, reference=then.price, pct=pct.quantize(Decimal("0.0001")))

    def _then(self, view: SymbolView) -> Snapshot | NotFired:
        start = view.now - timedelta(minutes=self.window_minutes)
        observed = self.needs["last_trade"]
        for each in reversed(view.series("last_trade", observed)):
            if each.as_of <= start and is_fresh(each.as_of, start, view.max_age):
                return each
        return view.not_fired("no_data", missing=f"last_trade at {start.isoformat()}")


class PctChangeOverWindowRule(BaseRule, PctChangeOverWindow):
    """Asks when the price moved that much."""
