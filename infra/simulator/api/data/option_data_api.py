"""Option snapshots on the wire: by symbol, and as a chain of an underlying."""

from typing import Any

import flask

from infra.simulator.api.data import wire_options
from infra.simulator.api.data.views import listed, quote_under
from infra.simulator.api.trading import option_list
from infra.simulator.errors import ApiError, bad_data_request
from infra.simulator.market.option_market import Listing, OptionView, spoilt
from infra.simulator.market.symbols import is_option
from infra.simulator.state import BrokerState

Json = dict[str, Any]

_MOST_SYMBOLS = 100
_LARGEST_PAGE = 1000


def blueprint(broker: BrokerState) -> flask.Blueprint:
    """Return the routes under /v1beta1/options/snapshots."""
    routes = flask.Blueprint("option_data", __name__, url_prefix="/v1beta1/options")

    def answer(wanted: list[Listing]) -> Json:
        arguments = flask.request.args
        page, token = option_list.page(
            wanted, _limit(), arguments.get("page_token", ""), bad_data_request
        )
        views = {each.symbol: _view(broker, each.symbol) for each in page}
        found = {symbol: wire_options.snapshot(view) for symbol, view in views.items() if view}
        return {"snapshots": found, "next_page_token": token}

    @routes.get("/snapshots")
    def snapshots() -> Json:
        _check_feed()
        wanted = set(_symbols())
        return answer([each for each in broker.options.listings() if each.symbol in wanted])

    @routes.get("/snapshots/<underlying>")
    def chain(underlying: str) -> Json:
        _check_feed()
        of_it = [each for each in broker.options.listings() if each.underlying == underlying]
        return answer(option_list.matching(of_it, flask.request.args, bad_data_request))

    return routes


def _view(broker: BrokerState, symbol: str) -> OptionView | None:
    view, fault = broker.options.view(symbol), flask.g.faults.get("quote")
    if not (view and fault):
        return view
    return spoilt(view, lambda quote: quote_under(fault, symbol, quote, broker.clock.now_ns()))


def _symbols() -> list[str]:
    symbols = listed("symbols")
    if len(symbols) > _MOST_SYMBOLS:
        raise bad_data_request(f"too many symbols: {len(symbols)}, at most {_MOST_SYMBOLS}")
    for symbol in symbols:
        if not is_option(symbol):
            raise bad_data_request(f"invalid symbol: {symbol}")
    return symbols


def _check_feed() -> None:
    feed = flask.request.args.get("feed", "indicative")
    if feed == "opra":
        raise ApiError(403, {"message": "OPRA agreement is not signed"})
    if feed != "indicative":
        raise bad_data_request(f"invalid feed: {feed}")


def _limit() -> int:
    text = flask.request.args.get("limit", "100")
    if not (text.isascii() and text.isdigit() and int(text)):
        raise bad_data_request(f"invalid limit: {text}")
    if int(text) > _LARGEST_PAGE:
        raise bad_data_request("invalid limit: larger than the allowed maximum of 1000")
    return int(text)
