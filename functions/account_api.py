"""HTTP for the app's user: their config, orders, facts, questions, and how it all stands.

A Firebase ID token says who asks; every read and write is bound to that user, so that what is
another's is not there (404). The contract is docs/openapi.yaml.
"""

import logging
from collections.abc import Callable
from typing import Any

import flask
import functions_framework
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized
from werkzeug.routing import Map, Rule, Submount

from common.errors import InvalidSignatureError
from functions import edge, wiring
from functions.account.answers import answer_question
from functions.account.config import read_config, replace_config
from functions.account.cors import cross_origin
from functions.account.orders import cancel_order, list_orders, receipt_of_order, trace_order
from functions.account.reads import list_questions, read_snapshots, read_status
from functions.account.requests import Call
from functions.callers import limit_unauthenticated, rate_limited
from infra.auth.identity import Identity
from infra.runtime.clock import SystemClock

log = logging.getLogger(__name__)

# Whatever a deployment puts before it is not ours to know.
BASE = "/v1/me"

ROUTES = Map(
    [
        Submount(
            BASE,
            [
                Rule("/trading/config", methods=["GET"], endpoint=read_config),
                Rule("/trading/config", methods=["PUT"], endpoint=replace_config),
                Rule("/trading/orders", methods=["GET"], endpoint=list_orders),
                Rule("/trading/orders/<uuid:order_id>", methods=["DELETE"], endpoint=cancel_order),
                Rule(
                    "/trading/orders/<uuid:order_id>/trace", methods=["GET"], endpoint=trace_order
                ),
                Rule(
                    "/trading/orders/<uuid:order_id>/receipt",
                    methods=["GET"],
                    endpoint=receipt_of_order,
                ),
                Rule("/trading/snapshots", methods=["GET"], endpoint=read_snapshots),
                Rule("/trading/status", methods=["GET"], endpoint=read_status),
                Rule("/trading/questions", methods=["GET"], endpoint=list_questions),
                Rule(
                    "/questions/<uuid:question_id>/answer",
                    methods=["POST"],
                    endpoint=answer_question,
                ),
            ],
        )
    ],
    merge_slashes=False,
    strict_slashes=False,
)


@functions_framework.http
@cross_origin
@edge.http_errors
def account_api(request: flask.Request) -> edge.Reply:
    """Answer a user about their own trading: route, verify their token, do it."""
    app = wiring.current()
    handler, arguments = route(request)
    identity = signed_in(app, request)
    with rate_limited(app, identity.uid):
        return handler(Call(app, request, identity, app.clock.now()), **arguments)


def route(request: flask.Request) -> tuple[Callable[..., edge.Reply], dict[str, Any]]:
    """Find who handles the request; raises NotFound or MethodNotAllowed."""
    prefix, base, rest = request.path.partition(BASE)
    handler, arguments = ROUTES.bind("").match(base + rest if base else prefix, request.method)
    return handler, dict(arguments)


def signed_in(app: wiring.Wiring, request: flask.Request) -> Identity:
    """Return the user whose token it is; a caller never learns why their token is refused.

    Tokens are about the transport: they are measured on the machine's clock.
    """
    given = request.authorization
    token = given.token if given is not None and given.type == "bearer" else None
    try:
        with limit_unauthenticated(app, request):
            return app.id_tokens.verify(token or "", SystemClock().now())
    except InvalidSignatureError as error:
        log.warning("refused an ID token: %s", error)
        challenge = WWWAuthenticate("bearer", {"realm": "countersign"})
        raise Unauthorized("a valid ID token is needed", www_authenticate=challenge) from error
