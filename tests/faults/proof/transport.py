"""The way to the broker and to Pub/Sub: it stops before and after each request, and can break."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import httpx

from tests.faults.proof.injected_fault import Place

if TYPE_CHECKING:
    from tests.faults.proof.instance import Instance


class WatchedTransport(httpx.BaseTransport):
    """Hands requests on, as long as its instance lives."""

    def __init__(self, instance: Instance, inner: httpx.BaseTransport) -> None:
        self._instance = instance
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Stop, send, stop."""
        before, after = _places(request)
        kind = self._instance.reach(before)
        if kind == "unreachable":
            raise httpx.ConnectError("injected: connection refused", request=request)
        if kind == "late":
            request.read()
            self._instance.parts.late.append(request)
            raise httpx.ReadTimeout("injected: no reply in time", request=request)
        response = self._inner.handle_request(request)
        promised = int(response.headers.get("content-length", 0))
        if promised > len(response.read()):
            raise httpx.RemoteProtocolError("peer closed connection in the middle of its answer")
        if self._instance.reach(after) == "reply_lost":
            raise httpx.ReadError("injected: connection reset", request=request)
        return response


def _places(request: httpx.Request) -> tuple[Place, Place]:
    if request.url.path.endswith(":publish"):
        return "before_publish", "after_publish"
    if request.method == "GET":
        return "before_read", "after_read"
    return "before_order", "after_order"


def to_application(application: Any) -> httpx.BaseTransport:
    """Return a transport into a WSGI application: its protocol, a third of a socket's time.

    It is given a socket all the same, so that it can hang up in the middle of a reply.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        client, server = socket.socketpair()
        environ["werkzeug.socket"] = server
        try:
            body = b"".join(application(environ, start_response))
            if _hung_up(client):
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        finally:
            client.close()
            server.close()
        return [body]

    return httpx.WSGITransport(app=serve)


def _hung_up(client: socket.socket) -> bool:
    try:
        return not client.recv(1, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
