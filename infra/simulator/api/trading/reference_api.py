"""Clock, calendar and assets on the wire (docs/broker.md, Account and reference data)."""

from datetime import date, timedelta
from typing import Any

import flask
from flask.typing import ResponseReturnValue

from infra.simulator.api.trading import wire_market
from infra.simulator.errors import bad_input, not_found
from infra.simulator.market.timestamps import new_york_date
from infra.simulator.state import BrokerState

Json = dict[str, Any]

_YEAR = timedelta(days=366)
_ONE_DAY = timedelta(days=1)


def blueprint(broker: BrokerState) -> flask.Blueprint:
    """Return the routes of /v2/clock, /v2/calendar and /v2/assets."""
    routes = flask.Blueprint("reference", __name__, url_prefix="/v2")

    @routes.get("/clock")
    def clock() -> Json:
        return wire_market.clock(broker.clock, broker.calendar)

    @routes.get("/calendar")
    def calendar() -> ResponseReturnValue:
        today = new_york_date(broker.clock.now_ns())
        first, last = _day("start", today - _YEAR), _day("end", today + _YEAR)
        # One session more, each row being settled on the session after it.
        sessions = list(broker.calendar.between(first, last))
        settlements = [session.date for session in sessions[1:]]
        if sessions:
            settlements.append(_next_date(broker, sessions[-1].date))
        pairs = zip(sessions, settlements, strict=True)
        return flask.jsonify([wire_market.session(*pair) for pair in pairs])

    @routes.get("/assets/<path:symbol_or_id>")
    def asset(symbol_or_id: str) -> Json:
        found = broker.assets.find(symbol_or_id)
        if found is None:
            raise not_found(f"asset not found for {symbol_or_id}")
        return wire_market.asset(found)

    return routes


def _next_date(broker: BrokerState, day: date) -> date:
    session = next(broker.calendar.between(day + _ONE_DAY, day + _YEAR))
    return session.date


def _day(name: str, default: date) -> date:
    text = flask.request.args.get(name)
    try:
        return date.fromisoformat(text[:10]) if text else default
    except ValueError as error:
        raise bad_input(f"invalid {name}") from error
