"""Our positions against the broker's: they must be the same, or a person must look."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

POSITION_DRIFT = "POSITION_DRIFT"
# Whatever changed this recently may be in one of the two sums already and not in the other.
SETTLED_AFTER = timedelta(minutes=2)
# How far back trades by hand are looked for when a difference is found.
LOOKBACK = timedelta(days=7)
_NONE = Decimal(0)


@dataclass(frozen=True)
class Drift:
    """A symbol of which we and the broker count different (signed) units."""

    symbol: str
    ours: Decimal
    brokers: Decimal


def drifts(
    ours: Mapping[str, Decimal], brokers: Mapping[str, Decimal], moving: Collection[str]
) -> list[Drift]:
    """Compare all positions; symbols that are `moving` have orders whose fills are on their way."""
    settled = sorted((ours.keys() | brokers.keys()) - set(moving))
    compared = (Drift(s, ours.get(s, _NONE), brokers.get(s, _NONE)) for s in settled)
    return [each for each in compared if each.ours != each.brokers]
