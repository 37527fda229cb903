"""Fires when at least one of its conditions holds.

    {"type": "any_of", "symbol": "SPY", "conditions": [
        {"type": "price_below_pct_of_ref", "ref_metric": "prev_close", "threshold_pct": -2},
        {"type": "price_above_pct_of_ref", "ref_metric": "prev_close", "threshold_pct": 2}], ...}

A condition may name a symbol of its own, unless it is about the user's position. A question may
show what all of them show: it is what the first condition that holds saw.
"""

from collections.abc import Mapping
from typing import Any, Literal

from common.rules.base import BaseRule, Fired, Outcome, SymbolView
from common.rules.combination import Combination


class AnyOf(Combination):
    """The disjunction of its conditions."""

    type: Literal["any_of"]

    @classmethod
    def shows(cls, parameters: Mapping[str, Any]) -> frozenset[str] | None:
        """Name what all of them show."""
        if "conditions" not in parameters:
            return None
        return frozenset.intersection(*cls.parts_show(parameters))

    def evaluate(self, view: SymbolView) -> Outcome:
        """Be silent only when all are."""
        outcomes = self.outcomes(view)
        fired = [each for each in outcomes if isinstance(each, Fired)]
        return self.fired(fired[:1], view) if fired else outcomes[0]


class AnyOfRule(BaseRule, AnyOf):
    """Asks when one holds."""
