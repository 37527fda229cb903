"""Fires when the last trade is some percent below a reference price.

    {"type": "price_below_pct_of_ref", "symbol": "SPY", "ref_metric": "prev_close",
     "threshold_pct": -1.5, ...}

With a previous close of 500 it fires at 492.50 and below, and is silent at 492.51.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from common.market import Metric, is_fresh, trading_day
from common.model import Exact
from common.rules.base import Fired, Market, RuleBase, Silent

# No two neighbouring sessions lie further apart than this (holidays around a weekend).
_LONGEST_CLOSE = timedelta(days=7)


class PriceBelowPctOfRef(RuleBase):
    """The condition `100 * (price / reference - 1) <= threshold_pct`."""

    template_variables: ClassVar[frozenset[str]] = RuleBase.template_variables | {
        "price",
        "pct",
        "ref",
    }

    type: Literal["price_below_pct_of_ref"]
    ref_metric: Literal["prev_close"]
    threshold_pct: Annotated[Exact, Field(lt=0, gt=-100)]

    @property
    def metrics(self) -> frozenset[Metric]:
        """What must be stored of the symbol for the rule to see anything."""
        return frozenset({"last_trade", self.ref_metric})

    def evaluate(self, market: Market, now: datetime, max_age: timedelta) -> Fired | Silent:
        """Compare the latest stored trade with the reference of the session before it."""
        trade = market.get((self.symbol, "last_trade"))
        reference = market.get((self.symbol, self.ref_metric))
        if trade is None or reference is None:
            return Silent(self.symbol, "no_data")
        if not is_fresh(trade.as_of, now, max_age) or not _precedes(reference.as_of, trade.as_of):
            return Silent(self.symbol, "stale")
        pct = 100 * (trade.price / reference.price - 1)
        if 100 * trade.price > (100 + self.threshold_pct) * reference.price:
            return Silent(self.symbol, "not_met", pct)
        return Fired(
            symbol=self.symbol,
            price=trade.price,
            reference=reference.price,
            pct=pct.quantize(Decimal("0.0001")),
            as_of=trade.as_of,
            snapshot_ids=tuple(s.id for s in (trade, reference) if s.id is not None),
        )


def _precedes(reference: datetime, trade: datetime) -> bool:
    """Tell whether a daily bar opened on a day before the trade's, and not long before."""
    return trading_day(reference) < trading_day(trade) and trade - reference <= _LONGEST_CLOSE
