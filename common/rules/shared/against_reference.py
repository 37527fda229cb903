"""The last trade against a reference price: the shared part of two rule types."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from common.market import Metric
from common.model import Exact
from common.rules.base import Condition, Fired, NotFired, Outcome, SymbolView
from common.rules.shared import reference
from common.rules.shared.reference import RefMetric, percent, reference_of


class AgainstReference(Condition):
    """A condition on the last trade's distance from a reference, in percent."""

    template_variables: ClassVar[frozenset[str]] = frozenset({"ref", "pct"})

    ref_metric: RefMetric
    threshold_pct: Exact

    @property
    def needs_position(self) -> bool:
        """Whether the reference is the user's own entry price."""
        return self.ref_metric == "entry_price"

    @property
    def needs(self) -> Mapping[Metric, int]:
        """The trade, and the reference unless it is the user's own."""
        return reference.needs(self.ref_metric)

    def holds(self, price: Decimal, bound: Decimal) -> bool:
        """Compare the price with the price at the threshold."""
        raise NotImplementedError

    def evaluate(self, view: SymbolView) -> Outcome:
        """Compare a fresh trade with the reference of its session."""
        trade = view.fresh_trade()
        if isinstance(trade, NotFired):
            return trade
        found = reference_of(view, self.ref_metric, trade)
        if isinstance(found, NotFired):
            return found
        pct = percent(trade.price, found.price)
        # Compared as products: a quotient of decimals is rounded, a product is exact.
        if not self.holds(100 * trade.price, (100 + self.threshold_pct) * found.price):
            return view.not_fired("not_met", price=trade.price, reference=found.price, pct=pct)
        return Fired(
            symbol=view.symbol,
            price=trade.price,
            as_of=trade.as_of,
            snapshot_ids=found.snapshot_ids,
            reference=found.price,
            pct=pct.quantize(Decimal("0.0001")),
        )
