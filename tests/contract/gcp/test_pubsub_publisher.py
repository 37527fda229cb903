"""Our publisher speaks to the local bus and to the official emulator alike."""

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import flask
import functions_framework
import httpx
import pytest

from common.errors import PermanentError, TransientError
from infra.gcp.pubsub import PubsubMessage, PubsubPublisher
from infra.local.pubsub.emulator import create_anew
from infra.local.pubsub.server import LocalBus
from infra.local.serving import HttpServer
from tests.contract.local.emulator import pubsub_emulator
from tests.waiting import eventually

PROJECT = "countersign-local"
TOPIC = "orders-approved"
# A function as it is deployed: it writes down the Pub/Sub message inside each event.
FUNCTION = """
import json
from pathlib import Path

import functions_framework

INBOX = Path(__file__).with_name("inbox")


@functions_framework.http
def receive(request):
    with INBOX.open("a") as inbox:
        inbox.write(json.dumps(request.get_json()) + "\\n")
    return "", 204
"""


class Inbox:
    """What the function received, oldest first."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "inbox"

    def events(self) -> list[dict[str, Any]]:
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [json.loads(line) for line in lines]

    def texts(self) -> list[bytes]:
        return [base64.b64decode(each["message"]["data"]) for each in self.events()]


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


@pytest.fixture
def function_url(tmp_path: Path) -> Iterator[str]:
    source = tmp_path / "main.py"
    source.write_text(FUNCTION)
    app = functions_framework.create_app("receive", str(source), "cloudevent")  # type: ignore[no-untyped-call]
    with HttpServer(app) as server:
        yield server.url


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with pubsub_emulator(tmp_path_factory.mktemp("emulator"), PROJECT) as client:
        yield client


@pytest.fixture(params=["local bus", "emulator"])
def host(request: pytest.FixtureRequest, function_url: str) -> Iterator[str]:
    """Where to publish; what goes to TOPIC is pushed to the function."""
    if request.param == "local bus":
        with LocalBus(None, {TOPIC: [function_url]}, PROJECT) as bus, HttpServer(bus.app) as server:
            yield server.url.removeprefix("http://")
    else:
        client: httpx.Client = request.getfixturevalue("emulator")
        with subscribed(client, function_url):
            yield client.base_url.netloc.decode()


@contextmanager
def subscribed(emulator: httpx.Client, url: str) -> Iterator[None]:
    """Create the topic with a push subscription, and delete both at the end."""
    topic = f"projects/{PROJECT}/topics/{TOPIC}"
    subscription = f"projects/{PROJECT}/subscriptions/{TOPIC}"
    wanted = {
        "topic": topic,
        "pushConfig": {"pushEndpoint": url},
        "enableMessageOrdering": True,
    }
    create_anew(emulator, f"/v1/{topic}", {})
    create_anew(emulator, f"/v1/{subscription}", wanted)
    try:
        yield
    finally:
        emulator.delete(f"/v1/{subscription}").raise_for_status()
        emulator.delete(f"/v1/{topic}").raise_for_status()


@pytest.fixture
def publisher(host: str) -> Iterator[PubsubPublisher]:
    with closing(PubsubPublisher(PROJECT, host)) as publisher:
        yield publisher


def message(data: bytes, key: str = "user-1") -> PubsubMessage:
    return PubsubMessage(data, key, {"message_id": "17"})


class TestDelivery:
    def test_a_message_reaches_the_function_as_it_was_published(
        self, publisher: PubsubPublisher, inbox: Inbox
    ) -> None:
        sent = PubsubMessage('{"text": "größer"}'.encode(), "user-1", {"message_id": "17"})

        publisher.publish(TOPIC, [sent])
        eventually(lambda: bool(inbox.events()))

        assert inbox.texts() == [sent.data]
        [event] = inbox.events()
        assert event["message"]["attributes"] == sent.attributes
        assert event["message"]["message_id"] == event["message"]["messageId"]

    def test_any_bytes_pass(self, publisher: PubsubPublisher, inbox: Inbox) -> None:
        publisher.publish(TOPIC, [message(bytes(range(256)))])
        eventually(lambda: bool(inbox.events()))

        assert inbox.texts() == [bytes(range(256))]

    def test_messages_of_one_key_arrive_in_their_order(
        self, publisher: PubsubPublisher, inbox: Inbox
    ) -> None:
        sent = [message(b"%d" % number) for number in range(10)]

        publisher.publish(TOPIC, sent[:6])
        publisher.publish(TOPIC, sent[6:])
        eventually(lambda: len(inbox.events()) == len(sent))

        assert inbox.texts() == [each.data for each in sent]

    def test_a_message_needs_no_key(self, publisher: PubsubPublisher, inbox: Inbox) -> None:
        publisher.publish(TOPIC, [PubsubMessage(b"1", "")])
        eventually(lambda: bool(inbox.events()))

        assert inbox.texts() == [b"1"]


class TestRefusals:
    def test_a_topic_that_does_not_exist_is_permanent(self, publisher: PubsubPublisher) -> None:
        with pytest.raises(PermanentError, match="404 for topic nowhere"):
            publisher.publish("nowhere", [message(b"hidden")])

    def test_nothing_to_publish_is_permanent(self, publisher: PubsubPublisher) -> None:
        with pytest.raises(PermanentError, match="400"):
            publisher.publish(TOPIC, [])

    def test_another_project_is_permanent(self, host: str) -> None:
        with closing(PubsubPublisher("other", host)) as publisher, pytest.raises(PermanentError):
            publisher.publish(TOPIC, [message(b"1")])


@contextmanager
def answering(status: int) -> Iterator[tuple[PubsubPublisher, list[Any]]]:
    """Serve a Pub/Sub that always answers the same; 0 hangs up. Yields what it was sent, too."""
    app = flask.Flask(__name__)
    bodies: list[Any] = []

    @app.post("/<path:_path>")
    def publish(_path: str) -> flask.Response:
        bodies.append(flask.request.get_json())
        if not status:
            flask.request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return flask.Response("{}", status or 200, {"Location": "/elsewhere"})

    with (
        HttpServer(app) as server,
        closing(PubsubPublisher(PROJECT, server.url.removeprefix("http://"))) as publisher,
    ):
        yield publisher, bodies


class TestTrouble:
    @pytest.mark.parametrize("status", [0, 408, 429, 499, 500, 502, 503, 504])
    def test_what_may_pass_is_transient_and_sent_once(self, status: int) -> None:
        with answering(status) as (publisher, bodies), pytest.raises(TransientError) as raised:
            publisher.publish(TOPIC, [message(b"hidden")])

        assert len(bodies) == 1
        assert "hidden" not in str(raised.value)

    @pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 413])
    def test_what_will_not_pass_is_permanent(self, status: int) -> None:
        with answering(status) as (publisher, bodies), pytest.raises(PermanentError) as raised:
            publisher.publish(TOPIC, [message(b"hidden")])

        assert len(bodies) == 1
        assert str(raised.value) == f"Pub/Sub answered {status} for topic {TOPIC}"

    def test_a_refused_connection_is_transient(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]

        with (
            closing(PubsubPublisher(PROJECT, f"127.0.0.1:{port}")) as publisher,
            pytest.raises(TransientError, match="cannot be reached"),
        ):
            publisher.publish(TOPIC, [message(b"1")])

    def test_a_batch_is_one_call(self) -> None:
        with answering(200) as (publisher, bodies):
            publisher.publish(TOPIC, [message(b"%d" % number) for number in range(100)])

        assert [len(body["messages"]) for body in bodies] == [100]
        assert bodies[0]["messages"][17] == {
            "data": "MTc=",
            "orderingKey": "user-1",
            "attributes": {"message_id": "17"},
        }
