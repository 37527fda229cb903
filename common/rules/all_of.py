"""Fires when all of its conditions hold at the same instant.

    {"type": "all_of", "symbol": "SPY", "conditions": [
        {"type": "price_below_pct_of_ref", "ref_metric": "prev_close", "threshold_pct": -1},
        {"type": "price_above_pct_of_ref", "ref_metric": "day_low", "threshold_pct": 0.2}], ...}

A condition may name a symbol of its own, unless it is about the user's position. A question may
show what any of them shows; where two show the same, what the first of them saw.
"""

from collections.abc import Mapping
from typing import Any, Literal

from common.rules.base import BaseRule, Fired, NotFired, Outcome, SymbolView
from common.rules.combination import Combination


class AllOf(Combination):
    """The conjunction of its conditions."""

    type: Literal["all_of"]

    @classmethod
    def shows(cls, parameters: Mapping[str, Any]) -> frozenset[str] | None:
        """Name what any of them shows."""
        if "conditions" not in parameters:
            return None
        return frozenset().union(*cls.parts_show(parameters))

    def evaluate(self, view: SymbolView) -> Outcome:
        """Be silent for the first reason found."""
        outcomes = self.outcomes(view)
        silent = next((each for each in outcomes if isinstance(each, NotFired)), None)
        return silent or self.fired([each for each in outcomes if isinstance(each, Fired)], view)


class AllOfRule(BaseRule, AllOf):
    """Asks when all hold."""
