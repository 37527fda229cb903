"""Fires when the last trade reaches a level, or goes through it, from the other side.

    {"type": "price_crosses_level", "symbol": "SPY", "level": 500, "direction": "up", ...}

After 499.99 it fires at 500 and above; at the next minute's 501 it is silent, whatever follows,
until the price was below 500 again. `direction` is `up`, `down` or `either`. The two prices are the
newest observation and the one before, also over a night or a hole in the data of up to seven days.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from common.market import Metric, trading_day
from common.model import Exact
from common.rules.base import BaseRule, Condition, NotFired, Outcome, SymbolView
from common.rules.shared.crossing import Direction, crosses, last_two
from common.rules.shared.reference import is_implausible


class PriceCrossesLevel(Condition):
    """The condition `before < level <= price` (up), `before > level >= price` (down), or either."""

    template_variables: ClassVar[frozenset[str]] = frozenset({"level"})

    type: Literal["price_crosses_level"]
    level: Annotated[Exact, Field(gt=0, max_digits=18, decimal_places=9)]
    direction: Direction

    @property
    def needs(self) -> Mapping[Metric, int]:
        """The newest observation and the one before."""
        return {"last_trade": 2}

    def evaluate(self, view: SymbolView) -> Outcome:
        """Compare the sides of the level on which the last two observations lie."""
        found = last_two(view)
        if isinstance(found, NotFired):
            return found
        before, trade = found
        overnight = trading_day(before.as_of) != trading_day(trade.as_of)
        if overnight and is_implausible(trade, before):
            return view.not_fired("corporate_action", before=before.price, price=trade.price)
        if not crosses(self.direction, before.price - self.level, trade.price - self.level):
            return view.not_fired(
                "not_met", before=before.price, price=trade.price, level=self.level
            )
        return view.fired(trade, before, level=self.level)


class PriceCrossesLevelRule(BaseRule, PriceCrossesLevel):
    """Asks when the level is crossed."""
