"""Fires while the user's own position is some percent ahead of its average entry: take profit.

    {"type": "position_gain_pct", "symbol": "SPY", "threshold_pct": 5, ...}

Bought at 500 it fires at 525 and above; sold short at 500, at 475 and below. `{{gain}}` is the gain
in percent, `{{pct}}` the price's distance from `{{entry}}`.
"""

from typing import ClassVar, Literal

from common.rules.base import BaseRule
from common.rules.shared.against_entry import AgainstEntry


class PositionGainPct(AgainstEntry):
    """The condition `100 * (price / entry - 1) >= threshold_pct`; short, of the opposite sign."""

    template_variables: ClassVar[frozenset[str]] = frozenset({"ref", "pct", "entry", "gain"})
    shown_as: ClassVar[str] = "gain"
    sign: ClassVar[int] = 1

    type: Literal["position_gain_pct"]


class PositionGainPctRule(BaseRule, PositionGainPct):
    """Asks when the position gained that much."""
