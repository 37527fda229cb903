"""The JSON shapes of option contracts and their snapshots (docs/broker.md, Options)."""

from datetime import date
from decimal import Decimal
from typing import Any

from infra.simulator.api.data import wire_data
from infra.simulator.decimals import money, number
from infra.simulator.market.assets import asset_id
from infra.simulator.market.bars import Quote
from infra.simulator.market.option_market import Listing, OptionView
from infra.simulator.market.timestamps import rfc3339


def contract(listing: Listing, today: date) -> dict[str, Any]:
    """Return a contract: strings, and nothing at all of the open interest nobody reported."""
    occ = listing.occ
    interest = listing.open_interest
    reported = {} if interest is None else {"open_interest": str(interest)}
    dated = {} if interest is None else {"open_interest_date": today.isoformat()}
    name = f"{listing.underlying} {occ.expiry:%b %d %Y} {money(occ.strike)} {occ.type.title()}"
    return {
        "id": asset_id(listing.symbol),
        "symbol": listing.symbol,
        "name": name,
        "status": "active" if occ.expiry >= today else "inactive",
        "tradable": occ.expiry >= today,
        "expiration_date": occ.expiry.isoformat(),
        "root_symbol": occ.root,
        "underlying_symbol": listing.underlying,
        "underlying_asset_id": asset_id(listing.underlying),
        "type": occ.type,
        "style": listing.style,
        "strike_price": money(occ.strike),
        "multiplier": "100",
        "size": "100",
        **reported,
        **dated,
    }


def snapshot(view: OptionView) -> dict[str, Any]:
    """Return a snapshot; greeks and volatility are missing rather than null."""
    found: dict[str, Any] = {}
    if view.greeks:
        found["greeks"] = {name: float(value) for name, value in sorted(view.greeks.items())}
    if view.implied_volatility is not None:
        found["impliedVolatility"] = float(view.implied_volatility)
    if view.quote:
        found["latestQuote"] = _quote(view.quote)
    if view.last is not None:
        found["latestTrade"] = _trade(view.last, view.last_at)
    if view.day:
        found["dailyBar"] = wire_data.bar(view.day)
    return found


def _quote(quote: Quote) -> dict[str, Any]:
    """Return a quote; its condition is one string, not an array."""
    return {
        "t": rfc3339(quote.at),
        "bx": "C" if quote.bid else " ",
        "bp": number(quote.bid),
        "bs": number(Decimal(quote.bid_size)),
        "ax": "C" if quote.ask else " ",
        "ap": number(quote.ask),
        "as": number(Decimal(quote.ask_size)),
        "c": "A",
    }


def _trade(price: Decimal, at: int) -> dict[str, Any]:
    return {"t": rfc3339(at), "p": number(price), "s": 1, "x": "C", "c": "I"}
