"""The local Pub/Sub: its REST API for publishers, pushes at least once to subscribers."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

import flask
import httpx
from werkzeug.exceptions import HTTPException

from common.errors import MalformedMessageError
from infra.local.pubsub.queue import DeliveryQueue, RetryPolicy
from infra.local.pubsub.store import BusStore, DeadLetter, Delivery
from infra.local.pubsub.wire import parse_publish, push
from infra.runtime.clock import SystemClock
from infra.runtime.tls import tls_context

_log = logging.getLogger(__name__)
_STATUS = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 405: "UNIMPLEMENTED"}
_PUSHED = {"content-type": "application/json", "user-agent": "CloudPubSub-Google"}
_STOP_SECONDS = 5.0  # a subscriber that is slower than this gets its message again next time


class LocalBus:
    """Topics, each with the URLs it is pushed to; at least once, kept in a file until acked.

    Messages are accepted from the start and delivered inside the `with` block. A 2xx acks; any
    other answer, or none within `timeout_seconds`, is tried again with growing waits, and after
    `max_delivery_attempts` kept as a dead letter.
    """

    def __init__(
        self,
        database: Path | None,
        subscriptions: Mapping[str, Sequence[str]],
        project: str = "countersign-local",
        *,
        workers: int = 4,
        backoff_seconds: float = 0.5,
        max_backoff_seconds: float = 30.0,
        max_delivery_attempts: int = 8,
        timeout_seconds: float = 60.0,
    ) -> None:
        self._project = project
        self._endpoints, names = _named(subscriptions)
        retry = RetryPolicy(backoff_seconds, max_backoff_seconds, max_delivery_attempts)
        self._queue = DeliveryQueue(BusStore(database), names, retry)
        self._timeout_seconds = timeout_seconds
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        self.app = self._application()

    def drain(self, timeout_seconds: float) -> bool:
        """Wait until nothing is pending or in flight; False if that takes longer.

        What a subscriber publishes before it answers counts as well.
        """
        return self._queue.wait_until_idle(timeout_seconds)

    def pending(self) -> int:
        """Count what is waiting, backing off or in flight, once for each subscription."""
        return self._queue.pending()

    def dead_letters(self) -> list[DeadLetter]:
        """Return what was given up, oldest first."""
        return self._queue.dead_letters()

    def redeliver(self, message_id: str) -> None:
        """Deliver a message once more to all its subscriptions; KeyError if it is unknown.

        Works for acked messages of this run and for dead letters, which it revives.
        """
        self._queue.redeliver(message_id)

    def duplicate_next(self, count: int = 1) -> None:
        """Deliver each of the next `count` published messages twice."""
        self._queue.duplicate_next(count)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._queue.stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._queue.close()

    def _application(self) -> flask.Flask:
        app = flask.Flask(__name__)
        app.add_url_rule(
            "/v1/projects/<project>/topics/<topic>:publish",
            view_func=self._publish,
            methods=["POST"],
        )
        app.add_url_rule("/v1/projects/<project>/topics/<topic>", view_func=self._topic)
        app.register_error_handler(HTTPException, _google_error)
        return app

    def _publish(self, project: str, topic: str) -> dict[str, list[str]]:
        try:
            drafts = parse_publish(flask.request.get_data())
        except MalformedMessageError as error:
            flask.abort(400, str(error))
        self._topic(project, topic)
        now = SystemClock().now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"messageIds": self._queue.publish(topic, drafts, now)}

    def _topic(self, project: str, topic: str) -> dict[str, str]:
        """Describe a topic, or answer that there is none."""
        path = f"projects/{project}/topics/{topic}"
        if project != self._project or topic not in self._endpoints:
            flask.abort(404, f"Resource not found (resource={path}).")
        return {"name": path}

    def _work(self) -> None:
        # What is local is never behind a proxy of the environment.
        with httpx.Client(
            verify=tls_context(), timeout=self._timeout_seconds, trust_env=False
        ) as client:
            while (delivery := self._queue.take()) is not None:
                error = self._push(client, delivery)
                if error is None:
                    self._queue.ack(delivery)
                else:
                    _log.warning("%s not accepted: %s", delivery.subscription, error)
                    self._queue.nack(delivery, error)

    def _push(self, client: httpx.Client, delivery: Delivery) -> str | None:
        """Return why the subscriber did not accept, or None."""
        url = self._endpoints[delivery.message.topic][delivery.subscription]
        body = push(delivery, self._project)
        try:
            response = client.post(url, content=body, headers=_PUSHED)
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"
        return None if response.is_success else f"{response.status_code}: {response.text[:500]}"


def _named(
    subscriptions: Mapping[str, Sequence[str]],
) -> tuple[dict[str, dict[str, httpx.URL]], dict[str, list[str]]]:
    """Name each subscription after its topic and the end of its URL; ports change, this does not.

    Returns the endpoints by topic and name, and the names by topic.
    """
    endpoints: dict[str, dict[str, httpx.URL]] = {}
    for topic, urls in subscriptions.items():
        endpoints[topic] = {}
        seen: Counter[str] = Counter()
        for url in map(httpx.URL, urls):
            name = f"{topic}.{url.path.rstrip('/').rpartition('/')[2] or 'push'}"
            seen[name] += 1
            endpoints[topic][name if seen[name] == 1 else f"{name}-{seen[name]}"] = url
    return endpoints, {topic: list(named) for topic, named in endpoints.items()}


def _google_error(error: HTTPException) -> tuple[dict[str, object], int]:
    """Answer in the JSON shape of Google's APIs."""
    code = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    status = _STATUS.get(code, "UNKNOWN")
    return {"error": {"code": code, "message": error.description, "status": status}}, code
