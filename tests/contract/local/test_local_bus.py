"""The local bus is Pub/Sub in miniature: its publish call, pushes to every subscription."""

import base64
import json
import threading
import time
from collections import Counter
from pathlib import Path

import functions_framework
import pytest

from infra.local.pubsub.server import LocalBus
from infra.local.serving import HttpServer
from tests.contract.local.bus_support import PATH, TOPIC, Subscriber, bus_to, message, publish
from tests.waiting import PATIENCE_SECONDS


def test_a_message_arrives_as_pubsub_pushes_it() -> None:
    """The documented body (https://cloud.google.com/pubsub/docs/push#receive_push)."""
    with Subscriber() as endpoint, bus_to(endpoint.url) as bus:
        [message_id] = publish(bus, message("hello", key="AAPL", run="7"))
        assert bus.drain(PATIENCE_SECONDS)

    [(name, headers, body)] = endpoint.pushes
    pushed = json.loads(body)
    assert name == "evaluate"
    assert headers["Content-Type"] == "application/json"
    assert not [header for header in headers if header.lower().startswith("ce-")]
    assert pushed == {
        "deliveryAttempt": 1,
        "message": {
            "attributes": {"run": "7"},
            "data": base64.b64encode(b"hello").decode(),
            "messageId": message_id,
            "message_id": message_id,
            "orderingKey": "AAPL",
            "publishTime": pushed["message"]["publishTime"],
            "publish_time": pushed["message"]["publishTime"],
        },
        "subscription": f"projects/countersign-local/subscriptions/{TOPIC}.evaluate",
    }


NOTING_FUNCTION = """
import base64, pathlib
import functions_framework

@functions_framework.http
def note(request):
    message = request.get_json()["message"]
    text = base64.b64decode(message["data"]).decode()
    pathlib.Path(__file__).with_name("noted").write_text(f"{message['messageId']} {text}")
    return "", 204
"""


def test_functions_framework_accepts_what_is_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main.py").write_text(NOTING_FUNCTION)
    for name in ("FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE"):
        monkeypatch.setenv(name, "")  # create_app writes these: noted here, so that they go again
        monkeypatch.delenv(name)
    app = functions_framework.create_app("note", str(tmp_path / "main.py"))  # type: ignore[no-untyped-call]

    with HttpServer(app) as server, bus_to(server.url) as bus:
        [message_id] = publish(bus, message("hello"))
        assert bus.drain(PATIENCE_SECONDS)

    assert (tmp_path / "noted").read_text() == f"{message_id} hello"


def test_every_subscription_of_a_topic_gets_every_message() -> None:
    paths = ["evaluate", "audit", "audit"]

    with (
        Subscriber() as endpoint,
        LocalBus(None, {TOPIC: [f"{endpoint.url}/{path}" for path in paths]}) as bus,
    ):
        publish(bus, message("one"), message("two"))
        assert bus.drain(PATIENCE_SECONDS)

    got = Counter(
        json.loads(body)["subscription"].rpartition("/")[2] for *_, body in endpoint.pushes
    )
    assert got == {f"{TOPIC}.evaluate": 2, f"{TOPIC}.audit": 2, f"{TOPIC}.audit-2": 2}
    assert Counter(endpoint.texts) == {"one": 3, "two": 3}


def test_messages_without_a_key_are_delivered_concurrently() -> None:
    all_here = threading.Barrier(4)

    def answer(_text: str, _attempt: int) -> int:
        all_here.wait()
        return 204

    with Subscriber(answer) as endpoint, bus_to(endpoint.url) as bus:
        publish(bus, *(message(str(number)) for number in range(4)))
        drained = bus.drain(PATIENCE_SECONDS)

    assert drained
    assert len(endpoint.texts) == 4


def test_drain_waits_for_what_a_subscriber_publishes_in_turn() -> None:
    def answer(text: str, _attempt: int) -> int:
        if int(text) > 0:
            publish(bus, message(str(int(text) - 1)))
        return 204

    with Subscriber(answer) as endpoint, bus_to(endpoint.url) as bus:
        publish(bus, message("20"))
        drained = bus.drain(PATIENCE_SECONDS)

    assert drained
    assert endpoint.texts == [str(number) for number in range(20, -1, -1)]


def test_duplicates_and_redeliveries_on_demand() -> None:
    with Subscriber() as endpoint, bus_to(endpoint.url) as bus:
        bus.duplicate_next(1)
        [twice, _] = publish(bus, message("twice"), message("again"))
        assert bus.drain(PATIENCE_SECONDS)
        bus.redeliver(twice)
        assert bus.drain(PATIENCE_SECONDS)

        with pytest.raises(KeyError):
            bus.redeliver("4711")
    assert Counter(endpoint.texts) == {"twice": 3, "again": 1}
    assert len({json.loads(body)["message"]["messageId"] for *_, body in endpoint.pushes}) == 2


def test_a_hundred_messages_are_delivered_without_polling_delay() -> None:
    with Subscriber() as endpoint, bus_to(endpoint.url) as bus:
        begun = time.monotonic()
        for number in range(100):  # one after the other, as a replay does: each needs a wake-up
            publish(bus, message(str(number)))
            assert bus.drain(PATIENCE_SECONDS)
        took = time.monotonic() - begun

    assert len(endpoint.texts) == 100
    assert took < 5, "50 ms a message would be a polling delay"


@pytest.mark.parametrize(
    ("path", "body", "status", "name"),
    [
        (PATH.replace(TOPIC, "nowhere"), {"messages": [message("x")]}, 404, "NOT_FOUND"),
        (PATH.replace("local", "other"), {"messages": [message("x")]}, 404, "NOT_FOUND"),
        (PATH, "no object", 400, "INVALID_ARGUMENT"),
        (PATH, {}, 400, "INVALID_ARGUMENT"),
        (PATH, {"messages": []}, 400, "INVALID_ARGUMENT"),
        (PATH, {"messages": [{}]}, 400, "INVALID_ARGUMENT"),
        (PATH, {"messages": [{"data": "a"}]}, 400, "INVALID_ARGUMENT"),
        (PATH, {"messages": [{"data": "é"}]}, 400, "INVALID_ARGUMENT"),
        (PATH, {"messages": [{"data": "aGk=", "attributes": {"a": 1}}]}, 400, "INVALID_ARGUMENT"),
        (PATH, {"messages": [{"data": "aGk=", "unknown": 1}]}, 400, "INVALID_ARGUMENT"),
    ],
)
def test_a_bad_publish_is_refused_in_googles_shape(
    path: str, body: object, status: int, name: str
) -> None:
    with Subscriber() as endpoint, bus_to(endpoint.url) as bus:
        response = bus.app.test_client().post(path, json=body)
        assert bus.drain(PATIENCE_SECONDS)

    error = response.get_json()["error"]
    assert response.status_code == status
    assert (error["code"], error["status"]) == (status, name)
    assert error["message"]
    assert endpoint.texts == []
