"""The rule types. A new one is a file here, its two entries below, and its test (README.md)."""

from typing import Annotated

from pydantic import Field

from common.rules import all_of, any_of, combination
from common.rules.all_of import AllOf, AllOfRule
from common.rules.any_of import AnyOf, AnyOfRule
from common.rules.moving_average_cross import MovingAverageCross, MovingAverageCrossRule
from common.rules.pct_change_over_window import PctChangeOverWindow, PctChangeOverWindowRule
from common.rules.position_gain_pct import PositionGainPct, PositionGainPctRule
from common.rules.position_loss_pct import PositionLossPct, PositionLossPctRule
from common.rules.price_above_pct_of_ref import PriceAbovePctOfRef, PriceAbovePctOfRefRule
from common.rules.price_below_pct_of_ref import PriceBelowPctOfRef, PriceBelowPctOfRefRule
from common.rules.price_crosses_level import PriceCrossesLevel, PriceCrossesLevelRule
from common.rules.rsi_threshold import RsiThreshold, RsiThresholdRule
from common.rules.schedule import Schedule, ScheduleRule
from common.rules.volume_above_average import VolumeAboveAverage, VolumeAboveAverageRule

AnyCondition = Annotated[
    AllOf
    | AnyOf
    | MovingAverageCross
    | PctChangeOverWindow
    | PositionGainPct
    | PositionLossPct
    | PriceAbovePctOfRef
    | PriceBelowPctOfRef
    | PriceCrossesLevel
    | RsiThreshold
    | Schedule
    | VolumeAboveAverage,
    Field(discriminator="type"),
]
Rule = Annotated[
    AllOfRule
    | AnyOfRule
    | MovingAverageCrossRule
    | PctChangeOverWindowRule
    | PositionGainPctRule
    | PositionLossPctRule
    | PriceAbovePctOfRefRule
    | PriceBelowPctOfRefRule
    | PriceCrossesLevelRule
    | RsiThresholdRule
    | ScheduleRule
    | VolumeAboveAverageRule,
    Field(discriminator="type"),
]

# What they combine is known only now. They are built when first used, as all models are.
for _module in (all_of, any_of, combination):
    _module.AnyCondition = AnyCondition  # type: ignore[attr-defined]
