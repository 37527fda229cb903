"""The user's own position against what they paid for it: the shared part of two rule types."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from common.market import Metric
from common.model import Exact
from common.rules.base import Condition, NotFired, Outcome, SymbolView
from common.rules.shared.reference import entry_of, percent


class AgainstEntry(Condition):
    """A condition on what a position gained or lost, in percent of its average entry price.

    Long it gains when the price rises, short when it falls.
    """

    shown_as: ClassVar[str]
    sign: ClassVar[int]

    threshold_pct: Annotated[Exact, Field(gt=0, lt=1000)]

    @property
    def needs_position(self) -> bool:
        """It is about nothing else."""
        return True

    @property
    def needs(self) -> Mapping[Metric, int]:
        """The trade; the entry price is the user's."""
        return {"last_trade": 1}

    def evaluate(self, view: SymbolView) -> Outcome:
        """Compare a fresh trade with the average entry price."""
        trade = view.fresh_trade()
        if isinstance(trade, NotFired):
            return trade
        entry = entry_of(view, trade)
        if isinstance(entry, NotFired):
            return entry
        sign = -self.sign if view.position and view.position.qty < 0 else self.sign
        pct = percent(trade.price, entry.price)
        shown = {"entry": entry.price, self.shown_as: (sign * pct).quantize(Decimal("0.1"))}
        # Compared as products: a quotient of decimals is rounded, a product is exact.
        if 100 * sign * (trade.price - entry.price) < self.threshold_pct * entry.price:
            return view.not_fired("not_met", price=trade.price, **shown)
        fired = view.fired(trade, **shown)
        return replace(fired, reference=entry.price, pct=pct.quantize(Decimal("0.0001")))
