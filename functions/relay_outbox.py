"""Scheduler, each minute: publish what a crash left unpublished, prune what is old."""

from datetime import timedelta

import flask
import functions_framework

from functions import edge, wiring
from functions.wiring import Wiring
from infra.postgres import retention


@functions_framework.http
@edge.http_errors
@edge.post_only
def relay_outbox(request: flask.Request) -> edge.Reply:  # noqa: ARG001 (the schedule says it all)
    """Publish every message that is still in the outbox, and prune what is past its retention."""
    app = wiring.current()
    pruned = prune(app)  # first: a topic that is away must not stop it
    misdirected = app.relay.set_misdirected_aside()
    published = app.relay.publish_pending(app.settings.database_pool_size)
    return {"published": published, "misdirected": misdirected, "pruned": pruned}, 200


def prune(app: Wiring) -> dict[str, int]:
    """Delete the oldest rows of every table that grows with time; return how many of each."""
    now = app.clock.now()
    days = dict.fromkeys(retention.TABLES, app.settings.market_data_retention_days)
    days["outbox"] = app.settings.outbox_retention_days
    return {
        table: retention.prune(app.database, table, now - timedelta(days=kept))
        for table, kept in days.items()
    }
