"""Scheduler, each minute: publish what a crash left unpublished."""

import flask
import functions_framework

from functions import edge, wiring


@functions_framework.http
@edge.answers
def relay_outbox(request: flask.Request) -> edge.Reply:  # noqa: ARG001 (the schedule says it all)
    """Publish every message that is still in the outbox."""
    return {"published": wiring.current().relay.publish_pending()}, 200
