"""The crypto data API: snapshots and latest values in wrappers, historical bars."""

from collections.abc import Callable
from typing import Any

import flask

from infra.simulator.api.data import wire_crypto
from infra.simulator.api.data.adjusted_bars import raw
from infra.simulator.api.data.bar_history import bars_page
from infra.simulator.api.data.views import SymbolViews, listed
from infra.simulator.errors import bad_data_request
from infra.simulator.market.symbols import CRYPTO_FORM, is_crypto
from infra.simulator.market.tape import View
from infra.simulator.state import BrokerState

Json = dict[str, Any]

_PARTS: dict[str, Callable[[View], Json | None]] = {
    "trades": lambda view: wire_crypto.trade(view.trade),
    "quotes": lambda view: wire_crypto.quote(view.quote) if view.quote else None,
    "bars": lambda view: wire_crypto.bar(view.minute) if view.minute else None,
}


def blueprint(broker: BrokerState) -> flask.Blueprint:
    """Return the routes under /v1beta3/crypto."""
    venues = "<any('us', 'us-1', 'us-2', 'eu-1', 'bs-1'):venue>"
    routes = flask.Blueprint("crypto", __name__, url_prefix=f"/v1beta3/crypto/{venues}")
    seen = SymbolViews(broker)

    def found(part: Callable[[View], Json | None]) -> Json:
        """Return a part of each pair that is known; the others are missing, never null."""
        views = {pair: seen.view(pair) for pair in _pairs()}
        parts = {pair: part(view) for pair, view in views.items() if view}
        return {pair: value for pair, value in parts.items() if value}

    @routes.get("/snapshots")
    def snapshots(venue: str) -> Json:  # noqa: ARG001 (there is one market behind all of them)
        return {"snapshots": found(wire_crypto.snapshot)}

    @routes.get("/latest/<any(trades, quotes, bars):plural>")
    def latest(venue: str, plural: str) -> Json:  # noqa: ARG001
        return {plural: found(_PARTS[plural])}

    @routes.get("/bars")
    def bars(venue: str) -> Json:  # noqa: ARG001
        page, token = bars_page(broker.market, broker.clock, _pairs(), flask.request.args, raw)
        return {"bars": page, "next_page_token": token}

    return routes


def _pairs() -> list[str]:
    pairs = listed("symbols")
    for pair in pairs:
        if not is_crypto(pair):
            raise bad_data_request(f"invalid symbol: {pair} does not match {CRYPTO_FORM}")
    return pairs
