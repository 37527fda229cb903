"""Reaches the simulator of the local stack."""

from typing import Any

import httpx
from werkzeug.exceptions import BadRequest

from common.errors import TransientError
from functions.pages.requests import Call
from infra.runtime.tls import tls_context

_SECONDS = 5


def clock(call: Call) -> dict[str, Any] | None:
    """Return the simulator's clock; None where there is no simulator, or it does not answer."""
    if not call.simulator_url:
        return None
    try:
        return ask(call, "GET", "/clock")
    except TransientError:
        return None


def ask(call: Call, method: str, path: str, body: object = None) -> dict[str, Any]:
    """Ask the simulator; raises BadRequest with its words, TransientError where it is away."""
    url = f"{call.simulator_url}/sim{path}"
    try:
        with httpx.Client(verify=tls_context(), timeout=_SECONDS, trust_env=False) as client:
            reply = client.request(method, url, json=body)
    except httpx.HTTPError as error:
        raise TransientError(f"the simulator does not answer: {error}") from error
    found: dict[str, Any] = reply.json()
    if not reply.is_success:
        raise BadRequest(str(found.get("message", reply.status_code)))
    return found
