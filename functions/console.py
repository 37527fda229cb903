"""The console: pages for whoever operates Countersign, and for whoever tries it on this machine.

Whoever may call it sees everything: a deployment puts it behind IAM or IAP. There it reads, and
turns the kill switch; on the local stack it also answers questions, through the signed webhook,
and drives the simulator.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

import flask
import functions_framework
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, RequestRedirect, Rule

from common.errors import TradingError
from functions import wiring
from functions.bodies import bound_body
from functions.pages import (
    files,
    kpis,
    market,
    operate,
    orders,
    questions,
    rules,
    simulator,
    today,
)
from functions.pages.rendering import Reply, problem_page
from functions.pages.requests import Call, check_origin

log = logging.getLogger(__name__)

# (`/static` is the framework's own.)
ROUTES = Map(
    [
        Rule("/", methods=["GET"], endpoint=today.show),
        Rule("/questions", methods=["GET"], endpoint=questions.show),
        Rule("/questions/<uuid:question_id>/answer", methods=["POST"], endpoint=questions.answer),
        Rule("/orders", methods=["GET"], endpoint=orders.show),
        Rule("/orders/<uuid:order_id>", methods=["GET"], endpoint=orders.show_one),
        Rule("/orders/<uuid:order_id>/receipt", methods=["GET"], endpoint=orders.receipt),
        Rule("/rules", methods=["GET"], endpoint=rules.show),
        Rule("/rules/config", methods=["GET"], endpoint=rules.edit),
        Rule("/rules/config", methods=["POST"], endpoint=rules.save),
        Rule("/market", methods=["GET"], endpoint=market.show),
        Rule("/kpis", methods=["GET"], endpoint=kpis.show),
        Rule("/operate", methods=["GET"], endpoint=operate.show),
        Rule("/operate/switch", methods=["POST"], endpoint=operate.switch),
        Rule("/operate/dead-letters", methods=["POST"], endpoint=operate.retry),
        Rule("/simulator/<action>", methods=["POST"], endpoint=simulator.act),
        Rule("/files/<name>", methods=["GET"], endpoint=files.serve),
    ],
    strict_slashes=False,
)


def _pages(handler: Callable[[flask.Request], Reply]) -> Callable[[flask.Request], Reply]:
    """Bound the body before the handler runs, and turn what it raises into a page."""

    @functools.wraps(handler)
    def reply(request: flask.Request) -> Reply:
        try:
            bound_body(request)
            return handler(request)
        except RequestRedirect as elsewhere:
            return flask.Response(status=elsewhere.code, headers={"Location": elsewhere.new_url})
        except HTTPException as error:
            return problem_page(request, error.code or 500, error.description or error.name)
        except TradingError as error:
            log.warning("console: %s", error)
            return problem_page(request, 503, str(error))
        except Exception:
            log.exception("console failed")
            return problem_page(request, 500, "An unexpected error: it has been logged.")

    return reply


@functions_framework.http
@_pages
def console(request: flask.Request) -> Reply:
    """Show a page, or do what its form asks for."""
    handler, arguments = _route(request)
    if handler is files.serve:
        return files.serve(request, **arguments)
    check_origin(request)
    app = wiring.current()
    return handler(Call(app, request, app.clock.now()), **arguments)


def _route(request: flask.Request) -> tuple[Callable[..., Reply], dict[str, Any]]:
    """Find who handles the request; raises NotFound or MethodNotAllowed."""
    handler, arguments = ROUTES.bind("", request.script_root or "/").match(
        request.path, request.method
    )
    return handler, dict(arguments)
