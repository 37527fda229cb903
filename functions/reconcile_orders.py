"""Scheduler, each minute: ask the broker what is true, and close what time has closed."""

import flask
import functions_framework

from functions import edge, wiring
from functions.orders import overdue, stalled
from infra.postgres.trading import confirmations, positions
from infra.workflows import account_snapshots, config_store, isolation
from infra.workflows.orders import polling, recording
from infra.workflows.orders.order_by_order import OrderByOrder
from infra.workflows.position_reconciliation import reconcile_positions


@functions_framework.http
@edge.http_errors
@edge.post_only
def reconcile_orders(request: flask.Request) -> edge.Reply:  # noqa: ARG001 (the schedule says it all)
    """Bring open orders, fills, trades and questions up to date; report what needs a person."""
    app = wiring.current()
    limits, now = app.settings.server_limits, app.clock.now()
    expired = confirmations.expire_due(app.database, now)
    withdrawn = config_store.withdraw_obsolete(app.database, limits, now)
    work = OrderByOrder(app.database)
    open_orders, fetched = polling.poll(work, app.trading, now)
    changed = recording.record(work, fetched.found, limits, now)
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
