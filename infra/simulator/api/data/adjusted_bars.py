"""Bars on the basis that a request asks for (`adjustment`): as traded, or restated for splits.

Prices from before a split are divided by its ratio and volumes multiplied, as the broker's page
"Historical Stock Data" shows for AAPL; a spin-off lowers the prices before it alone. Adjustments
for dividends change nothing here.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from infra.simulator.api.data.bar_history import Adjusted
from infra.simulator.errors import bad_data_request
from infra.simulator.market.bars import Bar
from infra.simulator.market.corporate_actions import CorporateActions

_ADJUSTMENTS = {"raw", "split", "dividend", "spin-off", "all"}
_GRID, _ONE = Decimal("0.0001"), Decimal(1)


def adjusted(actions: CorporateActions, arguments: Mapping[str, str], now: int) -> Adjusted:
    """Return what restates a bar as the request asks; raise ApiError when it cannot be read."""
    asked = set(arguments.get("adjustment", "raw").split(","))
    for adjustment in sorted(asked - _ADJUSTMENTS):
        raise bad_data_request(f"invalid adjustment: {adjustment}")

    def restated(symbol: str, bar: Bar) -> Bar:
        split = _ratio(actions.splits(symbol), bar, now) if asked & {"split", "all"} else _ONE
        left = _ratio(actions.spin_offs(symbol), bar, now) if asked & {"spin-off", "all"} else _ONE
        return bar if split == left == 1 else _divided(bar, split * left, split)

    return restated


def _ratio(changes: Sequence[tuple[int, Decimal]], bar: Bar, now: int) -> Decimal:
    return math.prod((ratio for at, ratio in changes if bar.at < at <= now), start=_ONE)


def raw(symbol: str, bar: Bar) -> Bar:  # noqa: ARG001
    """Return the bar as it was traded."""
    return bar


def _divided(bar: Bar, ratio: Decimal, shares: Decimal) -> Bar:
    def divided(price: Decimal) -> Decimal:
        return (price / ratio).quantize(_GRID)

    return Bar(
        bar.at,
        divided(bar.open),
        divided(bar.high),
        divided(bar.low),
        divided(bar.close),
        int(bar.volume * shares),
    )
