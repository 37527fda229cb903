"""Pub/Sub, played by the proof: it keeps every message, and delivers when a schedule says so."""

import base64
import json
from dataclasses import dataclass

import httpx


@dataclass
class Published:
    """A message on a topic; `key` is our own id of it, for it may have been published twice."""

    id: str
    topic: str
    data: bytes
    key: str
    acked: bool = False


class Topics(httpx.BaseTransport):
    """The publisher's end of Pub/Sub's REST API, and all that was ever published."""

    def __init__(self) -> None:
        self.messages: list[Published] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Accept a batch."""
        topic = request.url.path.rpartition("/")[2].removesuffix(":publish")
        accepted = [self._accept(topic, each) for each in json.loads(request.read())["messages"]]
        return httpx.Response(200, json={"messageIds": accepted})

    def on(self, *topics: str) -> list[Published]:
        """Return what was published on some topics, in order."""
        return [each for each in self.messages if each.topic in topics]

    def once(self, topic: str) -> list[Published]:
        """Return what a subscriber that drops repeats has heard, in the order of its coming."""
        first: dict[str, Published] = {}
        for each in self.on(topic):
            first.setdefault(each.key, each)
        return list(first.values())

    def _accept(self, topic: str, wire: dict[str, object]) -> str:
        attributes = wire["attributes"]
        key = str(attributes["message_id"]) if isinstance(attributes, dict) else ""
        message = Published(
            id=str(len(self.messages) + 1),
            topic=topic,
            data=base64.b64decode(str(wire["data"])),
            key=key,
        )
        self.messages.append(message)
        return message.id
