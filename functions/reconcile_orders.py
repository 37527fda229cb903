"""Scheduler, each minute: ask the broker what is true, and close what time has closed."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import flask
import functions_framework

from common.errors import OutcomeUnknownError, TransientError
from common.orders import SUBMITTING, BrokerOrder, Order
from functions import edge, wiring
from infra import account_readings
from infra.alpaca.trading import AlpacaTrading
from infra.postgres import configs, confirmations, orders, positions
from infra.postgres.database import Database, Transaction

log = logging.getLogger(__name__)

# Orders are listed from a little before our oldest open one: the two clocks may differ.
CLOCK_SKEW = timedelta(minutes=5)


@functions_framework.http
@edge.answers
def reconcile_orders(request: flask.Request) -> edge.Reply:  # noqa: ARG001 (the schedule says it all)
    """Bring open orders, fills, trades and expired questions up to date."""
    app = wiring.current()
    now = app.clock.now()
    with app.database.transaction() as tx:
        expired = confirmations.expire_due(tx, now)
        withdrawn = confirmations.withdraw_obsolete(tx, standing_rules(tx), now)
        open_orders = orders.open_orders(tx)
    changed, unknown = reconcile(open_orders, app.database, app.trading, now)
    app.relay.publish_committed()
    account_readings.take(
        app.trading, app.market_data, app.database, app.settings.alpaca_data_feed, now
    )
    return {
        "open_orders": len(open_orders),
        "changed": changed,
        "outcome_unknown": unknown,
        "expired_questions": expired,
        "withdrawn_questions": withdrawn,
    }, 200


def standing_rules(tx: Transaction) -> list[tuple[str, str]]:
    """List the rules that may still ask, by the key of the config that they stand in."""
    return [
        (shared.key, rule.id)
        for shared in configs.active(tx)
        for rule in shared.config.rules
        if rule.enabled
    ]


def reconcile(
    open_orders: Sequence[Order], database: Database, trading: AlpacaTrading, now: datetime
) -> tuple[int, list[str]]:
    """Record what the broker says of each order; return how many changed, and which it lacks."""
    if not open_orders:
        return 0, []
    since = min(order.created_at for order in open_orders) - CLOCK_SKEW
    said = {each.client_order_id: each for each in trading.orders_since(since)}
    changed, unknown = 0, []
    for order in open_orders:
        found = said.get(order.client_order_id) or look_up(order, trading)
        if found is None:
            unknown.append(str(order.id))
            continue
        with database.transaction() as tx:
            changed += positions.record(tx, order.id, found, now)
    return changed, unknown


def look_up(order: Order, trading: AlpacaTrading) -> BrokerOrder | None:
    """Ask for one order that the list does not show, as one of unknown outcome may be."""
    if order.status == SUBMITTING:
        log.warning("order %s: outcome unknown, looking it up", order.id)
    try:
        return trading.by_client_order_id(order.client_order_id)
    except (TransientError, OutcomeUnknownError) as error:
        log.warning("order %s: %s", order.id, error)
        return None
