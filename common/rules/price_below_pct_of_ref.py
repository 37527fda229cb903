"""Fires when the last trade is some percent below a reference price.

    {"type": "price_below_pct_of_ref", "symbol": "SPY", "ref_metric": "prev_close",
     "threshold_pct": -1.5, ...}

With a previous close of 500 it fires at 492.50 and below, and is silent at 492.51.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from common.model import Exact
from common.rules.base import BaseRule
from common.rules.shared.against_reference import AgainstReference


class PriceBelowPctOfRef(AgainstReference):
    """The condition `100 * (price / reference - 1) <= threshold_pct`."""

    type: Literal["price_below_pct_of_ref"]
    threshold_pct: Annotated[Exact, Field(lt=0, gt=-100)]

    def holds(self, price: Decimal, bound: Decimal) -> bool:
        """Be at the bound or below."""
        return price <= bound


class PriceBelowPctOfRefRule(BaseRule, PriceBelowPctOfRef):
    """Asks when the price is below."""
