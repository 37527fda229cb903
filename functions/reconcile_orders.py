"""Scheduler, each minute: ask the broker what is true, and close what time has closed."""

import logging
from datetime import datetime

import flask
import functions_framework

from common.orders.broker_order import BrokerOrder
from common.orders.order import Order
from common.server_limits import ServerLimits
from functions import edge, wiring
from functions.orders import broker_orders, outcomes, overdue, stalled
from functions.orders.broker_orders import BrokerOrders
from functions.orders.order_by_order import OrderByOrder
from infra.postgres.trading import confirmations, order_lists, positions
from infra.runtime import log_context
from infra.workflows import account_snapshots, config_store, isolation
from infra.workflows.position_reconciliation import reconcile_positions

log = logging.getLogger(__name__)


@functions_framework.http
@edge.http_errors
@edge.post_only
def reconcile_orders(request: flask.Request) -> edge.Reply:  # noqa: ARG001 (the schedule says it all)
    """Bring open orders, fills, trades and questions up to date; report what needs a person."""
    app = wiring.current()
    limits, now = app.settings.server_limits, app.clock.now()
    with app.database.transaction() as tx:
        expired = confirmations.expire_due(tx, now)
        withdrawn = config_store.withdraw_obsolete(tx, limits, now)
        open_ids = order_lists.open_ids(tx)
        ended_ids = order_lists.lately_ended_ids(tx, now - broker_orders.LATE_EXECUTIONS)
    work = OrderByOrder(app.database)
    open_orders, lately_ended = work.read(open_ids), work.read(ended_ids)
    fetched = broker_orders.fetch(open_orders, lately_ended, app.trading, now)
    changed = record(work, fetched, limits, now)
    canceled = overdue.cancel(work, fetched.found, app.trading, now)
    recovered = stalled.recover(work, fetched.absent, now)
    work.record(now)
    drift = reconcile_positions(app.database, app.market_data, app.trading, now)
    with app.database.transaction() as tx:
        isolation.set_aside(tx, "position", positions.unsound(tx), now)
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
        "set_aside": sorted(map(str, work.failed)),
        "stuck": stuck,
        "position_drift": drift,
        "expired_questions": expired,
        "withdrawn_questions": withdrawn,
    }, 200


def record(work: OrderByOrder, fetched: BrokerOrders, limits: ServerLimits, now: datetime) -> int:
    """Record what is an update, each order in a transaction of its own; return how many changed."""
    reported = dict(fetched.found)

    def step(order: Order) -> bool:
        update = reported[order]
        return update.is_update_of(order) and record_one(work, order, update, limits, now)

    return work.count(list(reported), step)


def record_one(
    work: OrderByOrder,
    order: Order,
    broker_order: BrokerOrder,
    limits: ServerLimits,
    now: datetime,
) -> bool:
    """Record the broker's report on one order, unless somebody else has done so."""
    with log_context.bound(flow_id=order.flow_id, order_id=str(order.id)):
        with work.with_lock_timeout(work.database) as tx:
            is_update = outcomes.record(tx, order.id, broker_order, limits, now)
        if is_update:
            log.info("the broker says %s", broker_order.status, extra={"event": "order_changed"})
    return is_update
