"""Fires when the last trade is some percent above a reference price.

    {"type": "price_above_pct_of_ref", "symbol": "SPY", "ref_metric": "day_low",
     "threshold_pct": 2, ...}

With a low of 500 today it fires at 510 and above, and is silent at 509.99.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from common.model import Exact
from common.rules.base import BaseRule
from common.rules.shared.against_reference import AgainstReference


class PriceAbovePctOfRef(AgainstReference):
    """The condition `100 * (price / reference - 1) >= threshold_pct`."""

    type: Literal["price_above_pct_of_ref"]
    threshold_pct: Annotated[Exact, Field(gt=0, lt=1000)]

    def holds(self, price: Decimal, bound: Decimal) -> bool:
        """Be at the bound or above."""
        return price >= bound


class PriceAbovePctOfRefRule(BaseRule, PriceAbovePctOfRef):
    """Asks when the price is above."""
