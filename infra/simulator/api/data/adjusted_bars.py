"""Bars on the basis that a request asks for (`adjustment`): as traded, or restated for splits.

Prices from before a split are divided by its ratio and volumes multiplied, as the broker's page
"Historical Stock Data" shows for AAPL. Adjustments for dividends change nothing here.
"""

from collections.abc import Mapping
from decimal import Decimal

from infra.simulator.api.data.bar_history import Adjusted
from infra.simulator.errors import bad_data_request
from infra.simulator.market.bars import Bar
from infra.simulator.market.corporate_actions import CorporateActions

_ADJUSTMENTS = {"raw", "split", "dividend", "spin-off", "all"}
_GRID = Decimal("0.0001")


def adjusted(actions: CorporateActions, arguments: Mapping[str, str], now: int) -> Adjusted:
    """Return what restates a bar as the request asks; raise ApiError when it cannot be read."""
    asked = set(arguments.get("adjustment", "raw").split(","))
    for adjustment in sorted(asked - _ADJUSTMENTS):
        raise bad_data_request(f"invalid adjustment: {adjustment}")
    if not asked & {"split", "all"}:
        return raw

    def restated(symbol: str, bar: Bar) -> Bar:
        ratio = Decimal(1)
        for at, split in actions.splits(symbol):
            if bar.at < at <= now:
                ratio *= split
        return bar if ratio == 1 else _divided(bar, ratio)

    return restated


def raw(symbol: str, bar: Bar) -> Bar:  # noqa: ARG001
    """Return the bar as it was traded."""
    return bar


def _divided(bar: Bar, ratio: Decimal) -> Bar:
    def divided(price: Decimal) -> Decimal:
        return (price / ratio).quantize(_GRID)

    return Bar(
        bar.at,
        divided(bar.open),
        divided(bar.high),
        divided(bar.low),
        divided(bar.close),
        int(bar.volume * ratio),
    )
