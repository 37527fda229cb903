"""Serves a WSGI application on loopback, in a thread of this process."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

# How soon a stopping server notices; its default of half a second adds up over many tests.
_POLL_SECONDS = 0.02
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class QuietHandler(WSGIRequestHandler):
    """Logs nothing: the applications log."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 (werkzeug's name)
        """Say nothing."""


def loopback_only(application: WSGIApplication) -> WSGIApplication:
    """Refuse requests that name another host: a page's own name may be made to lead here.

    That is DNS rebinding; a browser then takes this server for the page's own.
    """

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if _host(environ.get("HTTP_HOST", "")) not in _LOOPBACK:
            return Response("this server is for its own machine\n", 421)(environ, start_response)
        return application(environ, start_response)

    return serve


def _host(header: str) -> str | None:
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:  # brackets that do not match
        return None


class HttpServer:
    """One WSGI application behind one loopback port, a thread for each connection."""

    def __init__(self, application: WSGIApplication, port: int = 0) -> None:
        """Bind at once, so that `url` is known; port 0 picks a free one."""
        self._application = application
        self._bind(port)

    @property
    def url(self) -> str:
        """Base URL, without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Refuse all connections meanwhile; requests that were taken are answered still."""
        port = self._server.server_port
        self._stop()
        try:
            yield
        finally:
            self._bind(port)
            self._thread.start()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _bind(self, port: int) -> None:
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1",
            port,
            loopback_only(self._application),
            threaded=True,
            request_handler=QuietHandler,
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True
        )

    def _stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
