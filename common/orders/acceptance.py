"""What the broker never takes, whatever the market: known when a config is saved.

The rules are those of Alpaca's "Placing Orders", "Fractional Trading" and "Crypto Spot Trading"
pages; the crypto minimum is the refusal "cost basis must be >= minimal amount of order 10", which
ccxt pull request 30101 found for buys of pairs quoted in USD and for nothing else.
"""

from collections.abc import Iterator
from decimal import Decimal

from common.actions import ClosePosition, ProposeOrder
from common.market import USD, AssetClass, quote_currency

# The least that an order may cost, in USD.
MIN_NOTIONAL_USD = Decimal(1)
MIN_CRYPTO_BUY_USD = Decimal(10)

_TIMES_IN_FORCE = {"us_equity": ("day", "gtc"), "crypto": ("gtc", "ioc"), "us_option": ("day",)}


def problems(
    action: ProposeOrder | ClosePosition, symbol: str, asset_class: AssetClass
) -> Iterator[str]:
    """Yield what of an action on a symbol the broker never takes: `field: the rule it breaks`."""
    currency = quote_currency(symbol)
    if currency != USD:
        yield (
            f"action: {symbol} is quoted in {currency}, and limits are in USD:"
            " orders take pairs quoted in USD"
        )
    if isinstance(action, ProposeOrder):
        yield from _of_time_in_force(action, asset_class)
        yield from _of_size(action, asset_class)


def _of_time_in_force(action: ProposeOrder, asset_class: AssetClass) -> Iterator[str]:
    given, allowed = action.time_in_force, _TIMES_IN_FORCE[asset_class]
    if given is not None and given not in allowed:
        yield f"time_in_force: {asset_class} orders take {' or '.join(allowed)}"
    elif asset_class == "us_equity" and _is_fractional(action) and given == "gtc":
        yield "time_in_force: notional and fractional stock orders are day orders"


def _of_size(action: ProposeOrder, asset_class: AssetClass) -> Iterator[str]:
    notional = action.notional_usd
    if asset_class == "us_equity" and _is_fractional(action) and action.order_type == "limit":
        yield "order_type: fractional stock orders are market orders"
    small = notional is not None and notional < MIN_CRYPTO_BUY_USD
    if asset_class == "crypto" and action.side == "buy" and small:
        yield f"notional_usd: a crypto buy is worth at least {MIN_CRYPTO_BUY_USD} USD"


def _is_fractional(action: ProposeOrder) -> bool:
    return action.qty is None or action.qty != action.qty.to_integral_value()
