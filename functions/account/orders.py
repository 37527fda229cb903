"""The account API's orders: list, trace, cancel."""

from uuid import UUID

from werkzeug.exceptions import Conflict

from common.errors import BrokerRefusedError
from common.orders.status import APPROVED, SUBMITTING, TERMINAL
from common.wire import to_wire
from functions import edge
from functions.account import requests as asked
from functions.account.requests import Call
from functions.account.responses import effective, existing, page_reply
from infra.postgres.trading import order_views, orders, traces
from infra.postgres.users import user_configs
from infra.workflows import receipts


def list_orders(call: Call) -> edge.Reply:
    """Return the user's orders, newest first."""
    query = asked.OrdersQuery.from_document(call.query)
    with call.transaction() as tx:
        page = order_views.of_user(tx, call.uid, query.status, query.after, query.limit)
    return page_reply("orders", page)


def trace_order(call: Call, order_id: UUID) -> edge.Reply:
    """Return the whole chain of an order, from the facts to the trade."""
    asked.Empty.from_document(call.query)
    with call.transaction() as tx:
        trace = existing(traces.read(tx, call.uid, order_id))
        stored = user_configs.read(tx, call.uid)
    config = effective(call, stored)[0] if stored else None
    same = config is not None and config.hash == trace["rule"]["config_hash"]
    rules = {rule.id: rule for rule in config.rules} if config and same else {}
    rule = rules.get(trace["rule"]["id"])
    trace["rule"]["definition"] = rule.model_dump(mode="json") if rule else None
    return to_wire(trace), 200


def receipt_of_order(call: Call, order_id: UUID) -> edge.Reply:
    """Return an order's receipt, signed."""
    asked.Empty.from_document(call.query)
    with call.transaction() as tx:
        receipt = existing(receipts.read(tx, call.uid, order_id, call.now))
    return {"receipt": call.app.receipt_signer.sign(receipt.to_canonical())}, 200


def cancel_order(call: Call, order_id: UUID) -> edge.Reply:
    """Take an order back: at once before it is sent, by asking the broker afterwards."""
    asked.Empty.from_document(call.query)
    with call.transaction() as tx:
        existing(order_views.one(tx, call.uid, order_id))
        order = orders.lock(tx, order_id)
        if order.status == APPROVED:
            orders.withdraw(tx, order, call.now)
        seen = existing(order_views.one(tx, call.uid, order_id))
    if order.status == APPROVED:
        call.app.relay.publish_committed_of(call.uid)
        return {"order": to_wire(seen)}, 200
    if order.status in TERMINAL:
        return edge.error("already_final", f"the order is {order.status} already", 409)
    if order.status == SUBMITTING or seen["broker_order_id"] is None:
        message = "the order is being sent and its outcome is not known yet: try again in a minute"
        return edge.error("outcome_pending", message, 409)
    try:
        call.app.trading.cancel(seen["broker_order_id"])
    except BrokerRefusedError as error:
        raise Conflict("the broker says that it is too late to cancel the order") from error
    return {"order": to_wire(seen)}, 202
