"""A real subscriber, and short ways to publish, for the tests of the local bus."""

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import flask

from infra.local.pubsub.server import LocalBus
from infra.local.serving import HttpServer

TOPIC = "snapshots-ingested"
PATH = f"/v1/projects/countersign-local/topics/{TOPIC}:publish"
BACKOFF = 0.005
Answer = Callable[[str, int], int]


class Subscriber:
    """Served endpoints: remember every push, and answer what `answer(text, attempt)` says."""

    def __init__(self, answer: Answer = lambda _text, _attempt: 204) -> None:
        self.pushes: list[tuple[str, dict[str, str], bytes]] = []
        self.texts: list[str] = []
        self.answer = answer
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        app = flask.Flask(__name__)
        app.add_url_rule("/<name>", view_func=self._receive, methods=["POST"])
        self._server = HttpServer(app)
        self.url = self._server.url

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.__exit__(exc_type, exc, traceback)

    def _receive(self, name: str) -> tuple[str, int]:
        body = flask.request.get_data()
        text = base64.b64decode(json.loads(body)["message"]["data"]).decode()
        with self._lock:
            self.pushes.append((name, dict(flask.request.headers), body))
            self.texts.append(text)
            self._seen[text] += 1
            attempt = self._seen[text]
        status = self.answer(text, attempt)
        return ("", status) if status < 400 else ("no thanks", status)


def bus_to(url: str, database: Path | None = None, *, max_delivery_attempts: int = 5) -> LocalBus:
    return LocalBus(
        database,
        {TOPIC: [f"{url}/evaluate"]},
        backoff_seconds=BACKOFF,
        max_backoff_seconds=4 * BACKOFF,
        max_delivery_attempts=max_delivery_attempts,
        timeout_seconds=2,
    )


def message(text: str, key: str = "", **attributes: str) -> dict[str, object]:
    data = base64.b64encode(text.encode()).decode()
    return {"data": data, "orderingKey": key, "attributes": attributes}


def publish(bus: LocalBus, *messages: dict[str, object]) -> list[str]:
    response = bus.app.test_client().post(PATH, json={"messages": messages})
    assert response.status_code == 200, response.text
    ids: list[str] = response.get_json()["messageIds"]
    return ids
