"""Fires while the user's own position is some percent behind its average entry: stop loss.

    {"type": "position_loss_pct", "symbol": "SPY", "threshold_pct": 5, ...}

The threshold is how much was lost, above 0: bought at 500 it fires at 475 and below; sold short at
500, at 525 and above. `{{loss}}` is the loss in percent, `{{pct}}` the price's distance from
`{{entry}}`.
"""

from typing import ClassVar, Literal

from common.rules.base import BaseRule
from common.rules.shared.against_entry import AgainstEntry


class PositionLossPct(AgainstEntry):
    """The condition `100 * (1 - price / entry) >= threshold_pct`; short, of the opposite sign."""

    template_variables: ClassVar[frozenset[str]] = frozenset({"ref", "pct", "entry", "loss"})
    shown_as: ClassVar[str] = "loss"
    sign: ClassVar[int] = -1

    type: Literal["position_loss_pct"]


class PositionLossPctRule(BaseRule, PositionLossPct):
    """Asks when the position lost that much."""
