"""Whether the market is one that the order may meet, and the price the one that was shown."""

from common.guardrails.facts import DenialCode, Denied, Facts
from common.market import is_fresh
from common.orders.order import Order
from common.rules.shared.reference import IMPLAUSIBLE_GAP_PCT, percent

_NO_QUOTE = "none or one-sided"


def market_is_open(order: Order, facts: Facts) -> Denied | None:
    """Stocks trade in the session; crypto always does."""
    if order.asset_class != "crypto" and not facts.broker.market_is_open:
        known = facts.broker.market_is_open is not None
        return Denied(DenialCode.MARKET_CLOSED, {"clock": "closed" if known else "unknown"})
    return None


def asset_is_tradable(order: Order, facts: Facts) -> Denied | None:
    """The broker trades the asset, and in fractions when the order needs them."""
    asset = facts.broker.asset
    if asset is None or not asset.tradable:
        return Denied(
            DenialCode.ASSET_NOT_TRADABLE, {"symbol": order.symbol, "known": asset is not None}
        )
    if order.is_fractional and not asset.fractionable:
        return Denied(
            DenialCode.ASSET_NOT_TRADABLE, {"symbol": order.symbol, "fractionable": False}
        )
    return None


def quote_is_not_crossed(order: Order, facts: Facts) -> Denied | None:
    """A bid above the ask is bad data: nobody can say what the market is."""
    quote = facts.broker.quote
    if quote is not None and quote.is_crossed:
        return Denied(
            DenialCode.QUOTE_CROSSED, {"symbol": order.symbol, "bid": quote.bid, "ask": quote.ask}
        )
    return None


def price_is_fresh(order: Order, facts: Facts) -> Denied | None:
    """A quote with both sides, young enough for the user's config."""
    quote = facts.broker.quote
    if facts.config is None or quote is None or quote.mid is None:
        return Denied(DenialCode.PRICE_STALE, {"symbol": order.symbol, "quote": _NO_QUOTE})
    if not is_fresh(quote.as_of, facts.now, facts.config.max_staleness):
        return Denied(DenialCode.PRICE_STALE, {"as_of": quote.as_of, "now": facts.now})
    return None


def spread_is_narrow(order: Order, facts: Facts) -> Denied | None:
    """A wide market fills far from the price that was shown."""
    quote = facts.broker.quote
    if facts.config is None or quote is None or quote.mid is None:
        return Denied(DenialCode.SPREAD_TOO_WIDE, {"symbol": order.symbol, "quote": _NO_QUOTE})
    spread_pct = 100 * (quote.ask - quote.bid) / quote.mid
    limit = facts.config.max_spread_pct
    if spread_pct > limit:
        return Denied(
            DenialCode.SPREAD_TOO_WIDE, {"spread_pct": f"{spread_pct:.4f}", "limit": limit}
        )
    return None


def price_has_not_drifted(order: Order, facts: Facts) -> Denied | None:
    """The yes was to the price that was shown."""
    mid = facts.broker.quote.mid if facts.broker.quote else None
    if mid is None:
        return Denied(DenialCode.PRICE_DRIFT, {"symbol": order.symbol, "quote": _NO_QUOTE})
    drift_pct, limit = abs(percent(mid, order.seen_price)), order.max_price_drift_pct
    if drift_pct > limit:
        seen = {"seen": order.seen_price, "now": mid, "drift_pct": f"{drift_pct:.4f}"}
        return Denied(DenialCode.PRICE_DRIFT, seen | {"limit": limit})
    return None


def price_is_not_split(order: Order, facts: Facts) -> Denied | None:
    """A stock this far from its last close has more likely been split: a person must look."""
    if order.asset_class != "us_equity":
        return None
    mid = facts.broker.quote.mid if facts.broker.quote else None
    close = facts.broker.previous_close
    if mid is None or close is None:
        return Denied(
            DenialCode.CORPORATE_ACTION, {"symbol": order.symbol, "previous_close": close}
        )
    if abs(percent(mid, close)) >= IMPLAUSIBLE_GAP_PCT:
        return Denied(DenialCode.CORPORATE_ACTION, {"now": mid, "previous_close": close})
    return None
