"""What can explain that the broker holds other units than we count."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

# The broker's fee on coins is 0.25 % at most today; its earlier fees and several fills of one
# order add up to more. What is missing beyond this share of what was bought is no fee.
LARGEST_COIN_FEE = Decimal("0.01")
_SMALLEST_PART = Decimal("1e-9")


def can_be_coin_fee(missing: Decimal, bought: Decimal, charged: Decimal) -> bool:
    """Return whether missing coins can be the fee on what was bought, beside what was charged."""
    return missing > 0 and missing + charged <= bought * LARGEST_COIN_FEE


def shared(missing: Decimal, held: Sequence[Decimal]) -> list[Decimal]:
    """Share missing units in proportion to what each holds; the last takes the rest."""
    total = sum(held, Decimal(0))
    parts = [(missing * qty / total).quantize(_SMALLEST_PART, ROUND_DOWN) for qty in held[:-1]]
    return [*parts, missing - sum(parts, Decimal(0))]
