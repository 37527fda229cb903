"""Account, positions and fills on the wire (docs/broker.md, Account and reference data)."""

from decimal import Decimal
from typing import Any

import flask
from flask.typing import ResponseReturnValue

from infra.simulator.api.trading import wire_account, wire_orders
from infra.simulator.errors import bad_input, not_found, not_simulated
from infra.simulator.execution import day_trades
from infra.simulator.ledger.orders import Fill
from infra.simulator.ledger.positions import Position
from infra.simulator.market.assets import default_asset
from infra.simulator.market.timestamps import new_york_date, parse
from infra.simulator.state import BrokerState

Json = dict[str, Any]

_LARGEST_PAGE = 100


def blueprint(broker: BrokerState) -> flask.Blueprint:
    """Return the routes under /v2/account and /v2/positions."""
    routes = flask.Blueprint("account", __name__, url_prefix="/v2")

    @routes.get("/account")
    def account() -> Json:
        counted = day_trades.count(broker.ledger.fills(), broker.clock.now_ns())
        return wire_account.account(
            broker.valuation.values(),
            broker.switches,
            broker.switches.daytrade_count + counted,
        )

    @routes.get("/account/activities/FILL")
    def fills() -> ResponseReturnValue:
        page = _page(broker.ledger.fills())
        return flask.jsonify([wire_orders.activity(fill) for fill in page])

    @routes.get("/positions")
    def positions() -> ResponseReturnValue:
        return flask.jsonify([_position(broker, held) for held in broker.ledger.positions()])

    @routes.get("/positions/<symbol_or_id>")
    def position(symbol_or_id: str) -> Json:
        asset = broker.assets.find(symbol_or_id)
        held = broker.ledger.position(asset.symbol if asset else symbol_or_id)
        if held is None:
            raise not_found("position does not exist")
        return _position(broker, held)

    @routes.delete("/positions")
    @routes.delete("/positions/<symbol_or_id>")
    def closed(symbol_or_id: str = "all") -> Json:
        raise not_simulated(f"closing positions ({symbol_or_id})")

    return routes


def _position(broker: BrokerState, held: Position) -> Json:
    side = "sell" if held.qty > 0 else "buy"
    promised, _ = broker.valuation.held_for_orders(held.symbol, side)
    available = max(Decimal(0), abs(held.qty) - promised)
    return wire_account.position(
        held,
        available if held.qty > 0 else -available,
        broker.market.view(held.symbol),
        broker.assets.get(held.symbol) or default_asset(held.symbol),
        new_york_date(broker.clock.now_ns()),
    )


def _page(fills: list[Fill]) -> list[Fill]:
    """Return the wanted fills, newest first unless asked otherwise, from after the token."""
    arguments = flask.request.args
    found = [fill for fill in fills if _wanted(fill)]
    if arguments.get("direction", "desc") == "desc":
        found.reverse()
    if token := arguments.get("page_token"):
        ids = [wire_orders.activity_id(fill) for fill in found]
        found = found[ids.index(token) + 1 :] if token in ids else []
    size = arguments.get("page_size", str(_LARGEST_PAGE))
    if not (size.isascii() and size.isdigit() and 0 < int(size) <= _LARGEST_PAGE):
        raise bad_input(f"page_size must be between 1 and {_LARGEST_PAGE}")
    return found[: int(size)]


def _wanted(fill: Fill) -> bool:
    arguments = flask.request.args
    try:
        after, until = arguments.get("after"), arguments.get("until")
        return (
            (not after or fill.at > parse(after))
            and (not until or fill.at < parse(until))
            and arguments.get("date") in (None, new_york_date(fill.at).isoformat())
        )
    except ValueError as error:
        raise bad_input("invalid after or until") from error
