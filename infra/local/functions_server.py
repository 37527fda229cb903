"""All functions in one local server, each mounted through functions-framework under its name.

It is a process of its own with a deployed function's environment, so that killing it is a real
crash: `FunctionsServer` starts and stops it, `main` is what runs inside.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import functions_framework
import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from infra.local.serving import QuietHandler, loopback_only

NAMES = (
    "ingest",
    "evaluate",
    "ask",
    "answer",
    "submit_order",
    "reconcile_orders",
    "push_snapshot",
    "relay_outbox",
    "account_api",
    "console",
)
SOURCE = Path(__file__).parents[2] / "functions" / "main.py"
_START_SECONDS = 30


class FunctionsServer:
    """The child process; its port is bound at once, so that `url` is known before it runs."""

    def __init__(self, log: Path, port: int = 0) -> None:
        self._log = log
        self._socket = socket.create_server(("127.0.0.1", port))
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: Mapping[str, str] = {}

    @property
    def url(self) -> str:
        """Base URL; each function is under its name."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self, environment: Mapping[str, str]) -> None:
        """Run the functions with this environment and wait until they answer."""
        self._environment = environment
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, "-m", __name__, str(self._socket.fileno())],
                env=dict(environment),
                pass_fds=[self._socket.fileno()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        for attempt in Retrying(
            retry=retry_if_exception_type(httpx.TransportError),
            stop=stop_after_delay(_START_SECONDS),
            wait=wait_fixed(0.05),
            reraise=True,
        ):
            with attempt:
                self._refuse_dead(self._process)
                httpx.get(self.url, timeout=_START_SECONDS)

    def restart_if_dead(self) -> bool:
        """Start the functions again when their process has ended by itself; tell whether it had."""
        if self._process is None or self._process.poll() is None:
            return False
        self._end(lambda _: None)
        self.start(self._environment)
        return True

    def kill(self) -> None:
        """Crash: SIGKILL, with no chance to finish anything."""
        self._end(subprocess.Popen.kill)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end(subprocess.Popen.terminate)
        self._socket.close()

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        if self._process is not None and self._process.stdin is not None:
            how(self._process)
            self._process.wait()
            self._process.stdin.close()
            self._process = None

    def _refuse_dead(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            tail = self._log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the functions did not start:\n{tail}")


def application() -> DispatcherMiddleware:
    """Build one WSGI application with every function under `/<name>`."""
    mounts = {
        f"/{name}": _at_root(functions_framework.create_app(name, str(SOURCE)))  # type: ignore[no-untyped-call]
        for name in NAMES
    }
    return DispatcherMiddleware(Response("functions: " + ", ".join(NAMES) + "\n"), mounts)


def _at_root(function: WSGIApplication) -> WSGIApplication:
    """Serve `/<name>` as a deployed function serves `/`, without a redirect to `/<name>/`."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = environ["PATH_INFO"] or "/"
        return function(environ, start_response)

    return serve


def main() -> None:
    """Serve on the listening socket that the parent passed on, as long as the parent lives."""
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    make_server(
        "127.0.0.1",
        0,
        loopback_only(application()),
        threaded=True,
        request_handler=QuietHandler,
        fd=int(sys.argv[1]),
    ).serve_forever()


def _exit_with_parent() -> None:
    """Wait for the end of standard input, which comes when the parent is gone, however it went."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
