"""What a test or the demo needs of Google's emulator is created, though a reply gets lost."""

from collections.abc import Iterator

import flask
import httpx
import pytest

from infra.local.pubsub.emulator import create_anew
from infra.local.serving import HttpServer

TOPIC = "/v1/projects/countersign-local/topics/trade-updates"


class LosesReplies(httpx.HTTPTransport):
    """Sends each request for real, and loses the replies to the first `lost` creations."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.lost = lost

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        reply = super().handle_request(request)
        if request.method == "PUT" and self.lost > 0:
            self.lost -= 1
            reply.close()
            raise httpx.ReadTimeout("the reply is lost", request=request)
        return reply


class Topics:
    """Topics, created and deleted as the emulator does: 409 for one that is there."""

    def __init__(self) -> None:
        self.bodies: dict[str, object] = {}
        self.app = flask.Flask(__name__)
        self.app.add_url_rule("/<path:name>", view_func=self._create, methods=["PUT"])
        self.app.add_url_rule("/<path:name>", view_func=self._delete, methods=["DELETE"])

    def _create(self, name: str) -> tuple[dict[str, object], int]:
        if name in self.bodies:
            return {"error": {"code": 409, "status": "ALREADY_EXISTS"}}, 409
        if flask.request.json == {"refused": True}:
            return {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}, 400
        self.bodies[name] = flask.request.json
        return {}, 200

    def _delete(self, name: str) -> tuple[dict[str, object], int]:
        return {}, 200 if self.bodies.pop(name, None) is not None else 404


@pytest.fixture
def topics() -> Topics:
    return Topics()


@pytest.fixture
def url(topics: Topics) -> Iterator[str]:
    with HttpServer(topics.app) as server:
        yield f"{server.url}{TOPIC}"


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_reply_to_a_creation_is_no_failure(topics: Topics, url: str, lost: int) -> None:
    with httpx.Client(transport=LosesReplies(lost)) as client:
        create_anew(client, url, {"number": 1})

    assert list(topics.bodies.values()) == [{"number": 1}]


def test_what_an_earlier_run_left_is_replaced(topics: Topics, url: str) -> None:
    with httpx.Client(transport=LosesReplies(0)) as client:
        create_anew(client, url, {"number": 1})
        create_anew(client, url, {"number": 2})

    assert list(topics.bodies.values()) == [{"number": 2}]


def test_a_refusal_and_a_server_that_stays_silent_are_failures(url: str) -> None:
    with (
        httpx.Client(transport=LosesReplies(0)) as client,
        pytest.raises(httpx.HTTPStatusError, match="400"),
    ):
        create_anew(client, url, {"refused": True})
    with (
        httpx.Client(transport=LosesReplies(9)) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        create_anew(client, url, {})
