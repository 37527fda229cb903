"""The corporate actions of the data API: by symbol, type and process date, in pages."""

from datetime import date
from typing import Any

import flask

from infra.simulator.errors import bad_data_request
from infra.simulator.market.corporate_actions import CorporateAction
from infra.simulator.market.timestamps import new_york_date
from infra.simulator.state import BrokerState

Json = dict[str, Any]

_DEFAULT_PAGE, _LARGEST_PAGE = "100", 1000


def blueprint(broker: BrokerState) -> flask.Blueprint:
    """Return the route /v1/corporate-actions."""
    routes = flask.Blueprint("corporate_actions", __name__)

    @routes.get("/v1/corporate-actions")
    def corporate_actions() -> Json:
        today = new_york_date(broker.clock.now_ns())
        first, last = _day("start", today), _day("end", today)
        wanted = [
            each
            for each in broker.corporate_actions.listed()
            if first <= each.process_date <= last and _is_wanted(each)
        ]
        start, size = _page()
        page, rest = wanted[start : start + size], wanted[start + size :]
        groups: dict[str, list[Json]] = {}
        for each in page:
            groups.setdefault(f"{each.kind}s", []).append({"id": each.id, **each.fields})
        return {
            "corporate_actions": groups,
            "next_page_token": str(start + size) if rest else None,
        }

    return routes


def _is_wanted(action: CorporateAction) -> bool:
    symbols, types = (_listed(name) for name in ("symbols", "types"))
    named = {str(value) for name, value in action.fields.items() if name.endswith("symbol")}
    return (not symbols or bool(named & symbols)) and (not types or action.kind in types)


def _listed(name: str) -> set[str]:
    return set(filter(None, flask.request.args.get(name, "").split(",")))


def _page() -> tuple[int, int]:
    token, limit = flask.request.args.get("page_token", "0"), flask.request.args.get("limit")
    size = limit or _DEFAULT_PAGE
    if not (size.isdecimal() and 0 < int(size) <= _LARGEST_PAGE and token.isdecimal()):
        raise bad_data_request("invalid limit or page_token")
    return int(token), int(size)


def _day(name: str, default: date) -> date:
    text = flask.request.args.get(name)
    try:
        return date.fromisoformat(text) if text else default
    except ValueError as error:
        raise bad_data_request(f"invalid {name}: {text}") from error
