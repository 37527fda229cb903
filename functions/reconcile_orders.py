"""Scheduler, each minute: ask the broker what is true, and close what time has closed."""

import logging
from datetime import datetime

import flask
import functions_framework

from common.orders.broker_order import BrokerOrder
from common.orders.order import Order
from functions import edge, wiring
from functions.orders import broker_orders, outcomes, overdue, stalled
from functions.orders.broker_orders import BrokerOrders
from infra.postgres.database import Database
from infra.postgres.trading import confirmations, orders
from infra.runtime import log_context
from infra.workflows import account_snapshots, config_store
from infra.workflows.position_reconciliation import reconcile_positions

log = logging.getLogger(__name__)


@functions_framework.http
@edge.http_errors
@edge.post_only
def reconcile_orders(request: flask.Request) -> edge.Reply:  # noqa: ARG001 (the schedule says it all)
    """Bring open orders, fills, trades and questions up to date; report what needs a person."""
    app = wiring.current()
    now = app.clock.now()
    with app.database.transaction() as tx:
        expired = confirmations.expire_due(tx, now)
        withdrawn = config_store.withdraw_obsolete(tx, app.settings.server_limits, now)
        open_orders = orders.open_orders(tx)
        lately_ended = orders.lately_ended(tx, now - broker_orders.LATE_EXECUTIONS)
    fetched = broker_orders.fetch(open_orders, lately_ended, app.trading, now)
    changed = record(fetched, app.database, now)
    canceled = overdue.cancel(fetched.found, app.database, app.trading, now)
    recovered = stalled.recover(app.database, fetched.absent, now)
    drift = reconcile_positions(app.database, app.market_data, app.trading, now)
    with app.database.transaction() as tx:
        stuck = stalled.report(tx, now)
    app.relay.publish_committed()
    account_snapshots.take(
        app.trading, app.market_data, app.database, app.settings.alpaca_data_feed, now
    )
    return {
        "open_orders": len(open_orders),
        "changed": changed,
        "outcome_unknown": [str(order.id) for order in fetched.unknown],
        "overdue_canceled": canceled,
        **recovered,
        "stuck": stuck,
        "position_drift": drift,
        "expired_questions": expired,
        "withdrawn_questions": withdrawn,
    }, 200


def record(fetched: BrokerOrders, database: Database, now: datetime) -> int:
    """Record what is news, each order in a transaction of its own; return how many changed."""
    news = [
        (order, broker_order)
        for order, broker_order in fetched.found
        if broker_order.is_news_of(order)
    ]
    return sum(record_one(order, broker_order, database, now) for order, broker_order in news)


def record_one(order: Order, broker_order: BrokerOrder, database: Database, now: datetime) -> bool:
    """Record the broker's word on one order, unless somebody else has done so."""
    with log_context.bound(flow_id=order.flow_id, order_id=str(order.id)):
        with database.transaction() as tx:
            is_news = outcomes.record(tx, order.id, broker_order, now)
        if is_news:
            log.info("the broker says %s", broker_order.status, extra={"event": "order_changed"})
    return is_news
