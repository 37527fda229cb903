"""A Pub/Sub that writes down what it takes, in order, and refuses or waits where a test says so."""

import base64
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import flask

Obstacle = Callable[[str, list[bytes]], int]


class Recorder:
    """What was published, by topic; `obstacle` sees each request first and answers its status."""

    def __init__(self) -> None:
        self.obstacle: Obstacle = lambda _topic, _messages: 200
        self.taken: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._lock = threading.Lock()
        self.app = flask.Flask(__name__)
        self.app.add_url_rule(
            "/v1/projects/<_project>/topics/<topic>:publish",
            view_func=self._publish,
            methods=["POST"],
        )

    def texts(self, topic: str) -> list[str]:
        """Return what a topic took, oldest first."""
        return [base64.b64decode(each["data"]).decode() for each in self.taken[topic]]

    def ids(self, topic: str) -> list[str]:
        """Return by what its readers deduplicate."""
        return [each["attributes"]["message_id"] for each in self.taken[topic]]

    def _publish(self, _project: str, topic: str) -> tuple[dict[str, Any], int]:
        messages = flask.request.get_json()["messages"]
        status = self.obstacle(topic, [base64.b64decode(each["data"]) for each in messages])
        if status == 200:
            with self._lock:
                self.taken[topic].extend(messages)
        return {}, status
