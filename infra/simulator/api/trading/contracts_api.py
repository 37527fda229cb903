"""The list of option contracts on the wire (docs/broker.md, Options), at the trading host."""

from datetime import date
from typing import Any

import flask

from infra.simulator.api.data import wire_options
from infra.simulator.api.trading import option_list
from infra.simulator.errors import not_found, unprocessable
from infra.simulator.market.option_market import Listing
from infra.simulator.market.timestamps import new_york_date
from infra.simulator.state import BrokerState

Json = dict[str, Any]

_LARGEST_PAGE = 10_000


def blueprint(broker: BrokerState) -> flask.Blueprint:
    """Return the routes under /v2/options/contracts."""
    routes = flask.Blueprint("contracts", __name__, url_prefix="/v2/options")

    @routes.get("/contracts")
    def contracts() -> Json:
        today = new_york_date(broker.clock.now_ns())
        arguments = option_list.next_weekend(today, flask.request.args)
        listings = [each for each in _listings(broker) if _has_status(each, today)]
        wanted = option_list.matching(listings, arguments, unprocessable)
        token = arguments.get("page_token", "")
        page, following = option_list.page(wanted, _limit(), token, unprocessable)
        rows = [wire_options.contract(each, today) for each in page]
        return {"option_contracts": rows, "next_page_token": following}

    @routes.get("/contracts/<symbol_or_id>")
    def contract(symbol_or_id: str) -> Json:
        today = new_york_date(broker.clock.now_ns())
        rows = [wire_options.contract(each, today) for each in broker.options.listings()]
        found = [row for row in rows if symbol_or_id in (row["symbol"], row["id"])]
        if not found:
            raise not_found(f"option contract {symbol_or_id} not found")
        return found[0]

    return routes


def _listings(broker: BrokerState) -> list[Listing]:
    """Return the contracts of the underlyings asked for; one unknown fails the whole request."""
    listings = broker.options.listings()
    text = flask.request.args.get("underlying_symbols", "")
    if not text:
        return listings
    wanted = text.split(",")
    known = {each.underlying for each in listings} | set(broker.market.symbols())
    if unknown := [symbol for symbol in wanted if symbol not in known]:
        raise unprocessable(f"invalid underlying symbols: {','.join(unknown)}")
    return [each for each in listings if each.underlying in wanted]


def _has_status(each: Listing, today: date) -> bool:
    return (each.occ.expiry >= today) == (flask.request.args.get("status", "active") == "active")


def _limit() -> int:
    text = flask.request.args.get("limit", "100")
    if not (text.isascii() and text.isdigit() and int(text)):
        raise unprocessable("invalid limit")
    if int(text) > _LARGEST_PAGE:
        raise unprocessable("limit must be less than 10000")
    return int(text)
