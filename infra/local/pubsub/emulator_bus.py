"""The Pub/Sub emulator in the place of the local bus: push subscriptions as a deployment has them.

functions ──publish──► tap ──► emulator ──push──► tap ──► functions, app backend

The tap forwards and counts, because the emulator cannot be asked what it still has to deliver.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import flask
import httpx

from common.errors import PermanentError
from infra.local.pubsub import emulator
from infra.local.serving import HttpServer
from infra.runtime.tls import tls_context

_TIMEOUT = httpx.Timeout(60, connect=5)
_DEAD_LETTERS = "dead-letters"
# As in a deployment: a user's messages one after the other, but ticks each by itself.
_UNORDERED = frozenset({"snapshots-ingested", "rules-fired"})
ATTEMPTS = 5  # Pub/Sub's least
_RETRY = {"minimumBackoff": "1s", "maximumBackoff": "2s"}


@dataclass(frozen=True)
class Forwarded:
    """A message that a subscription gave up, as the dead-letter topic delivers it."""

    subscription: str
    attempts: int
    data: str


class EmulatedBus:
    """Topics of an emulator, each with the URLs it is pushed to; at least once, until acked.

    Its topics and subscriptions are made anew at the start: what an earlier run left is dropped.
    """

    def __init__(
        self, address: str, subscriptions: Mapping[str, Sequence[str]], project: str
    ) -> None:
        self._base = f"/v1/projects/{project}"
        self._prefix = f"projects/{project}"
        self._endpoints = {
            f"{topic}.{number}": (topic, url)
            for topic, urls in subscriptions.items()
            for number, url in enumerate(urls)
        }
        # What is local is never behind a proxy of the environment.
        self._client = httpx.Client(verify=tls_context(), timeout=_TIMEOUT, trust_env=False)
        self._emulator = f"http://{address}"
        self._changed = threading.Condition()
        self._expected: set[tuple[str, str]] = set()
        self._settled: set[tuple[str, str]] = set()
        self._data: dict[tuple[str, str], str] = {}
        self._refusals: Counter[str] = Counter()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._given_up: list[Forwarded] = []
        self._server = HttpServer(self._application())

    @property
    def host(self) -> str:
        """Where to publish to (PUBSUB_EMULATOR_HOST)."""
        return self._server.url.removeprefix("http://")

    def drain(self, timeout_seconds: float) -> bool:
        """Wait until everything published was acked or given up; False if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._expected <= self._settled, timeout_seconds)

    def dead_letters(self) -> Sequence[Forwarded]:
        """Return what was given up, oldest first."""
        with self._changed:
            return list(self._given_up)

    def refuse(self, topic: str, times: int) -> None:
        """Answer 503 to the next deliveries of a topic, as a function that cannot."""
        with self._changed:
            self._refusals[topic] = times

    def most_attempts(self, topic: str) -> int:
        """Return how often the most delivered message of a topic was delivered."""
        with self._changed:
            tried = (n for (name, _), n in self._attempts.items() if name.startswith(f"{topic}."))
            return max(tried, default=0)

    def __enter__(self) -> Self:
        self._server.__enter__()
        dead_letters = f"{self._prefix}/topics/{_DEAD_LETTERS}"
        for topic in {topic for topic, _ in self._endpoints.values()} | {_DEAD_LETTERS}:
            self._make(f"topics/{topic}", {})
        self._subscribe(_DEAD_LETTERS, _DEAD_LETTERS, {})
        for name, (topic, _) in self._endpoints.items():
            policy = {"deadLetterTopic": dead_letters, "maxDeliveryAttempts": ATTEMPTS}
            ordered = {"enableMessageOrdering": topic not in _UNORDERED}
            self._subscribe(name, topic, ordered | {"deadLetterPolicy": policy})
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for name in (*self._endpoints, _DEAD_LETTERS):
            self._client.delete(f"{self._emulator}{self._base}/subscriptions/{name}")
        self._server.__exit__(exc_type, exc, traceback)
        self._client.close()

    def _subscribe(self, name: str, topic: str, more: Mapping[str, object]) -> None:
        self._make(
            f"subscriptions/{name}",
            {
                "topic": f"{self._prefix}/topics/{topic}",
                "pushConfig": {"pushEndpoint": f"{self._server.url}/{name}"},
                "ackDeadlineSeconds": 60,
                "retryPolicy": _RETRY,
                **more,
            },
        )

    def _make(self, what: str, body: Mapping[str, object]) -> None:
        try:
            emulator.create_anew(self._client, f"{self._emulator}{self._base}/{what}", body)
        except httpx.HTTPError as error:
            raise PermanentError(f"the Pub/Sub emulator refuses {what}: {error}") from error

    def _application(self) -> flask.Flask:
        app = flask.Flask(__name__)
        route = app.add_url_rule
        route(f"{self._base}/topics/<topic>", view_func=self._topic)
        route(f"{self._base}/topics/<topic>:publish", view_func=self._publish, methods=["POST"])
        route(f"/{_DEAD_LETTERS}", view_func=self._bury, methods=["POST"])
        route("/<name>", view_func=self._push, methods=["POST"])
        return app

    def _publish(self, topic: str) -> tuple[bytes, int, dict[str, str]]:
        """Hand a publish call on, and remember which deliveries it leads to."""
        reply = self._client.post(
            f"{self._emulator}{self._base}/topics/{topic}:publish",
            content=flask.request.get_data(),
            headers={"content-type": "application/json"},
        )
        if reply.is_success:
            names = [name for name, (its_topic, _) in self._endpoints.items() if its_topic == topic]
            with self._changed:
                self._expected |= set(itertools.product(names, reply.json()["messageIds"]))
        return reply.content, reply.status_code, {"content-type": "application/json"}

    def _topic(self, topic: str) -> tuple[bytes, int]:
        reply = self._client.get(f"{self._emulator}{self._base}/topics/{topic}")
        return reply.content, reply.status_code

    def _push(self, name: str) -> tuple[bytes, int]:
        """Hand a delivery on, and remember whether it was acked."""
        topic, url = self._endpoints[name]
        message = flask.request.get_json()["message"]
        delivery = (name, str(message["messageId"]))
        with self._changed:
            self._attempts[delivery] += 1
            self._data[delivery] = message.get("data", "")
            if self._refusals[topic] > 0:
                self._refusals[topic] -= 1
                return b"refused on demand", 503
        content, kind = flask.request.get_data(), {"content-type": "application/json"}
        reply = self._client.post(url, content=content, headers=kind)
        if reply.is_success:
            self._settle(delivery)
        return reply.content, reply.status_code

    def _bury(self) -> tuple[str, int]:
        """Take what the dead-letter topic delivers: it has a new id and names its subscription."""
        message: dict[str, Any] = flask.request.get_json()["message"]
        attributes = message["attributes"]
        name = attributes["CloudPubSubDeadLetterSourceSubscription"]
        attempts = int(attributes["CloudPubSubDeadLetterSourceDeliveryCount"])
        letter = Forwarded(name, attempts, message.get("data", ""))
        with self._changed:
            self._given_up.append(letter)
            lost = (d for d in self._expected - self._settled if d[0] == name)
            delivery = next((d for d in lost if self._data.get(d) == letter.data), None)
        if delivery is not None:
            self._settle(delivery)
        return "", 204

    def _settle(self, delivery: tuple[str, str]) -> None:
        with self._changed:
            self._settled.add(delivery)
            self._changed.notify_all()
