"""The local bus answers publish calls as Google's own emulator of Pub/Sub does."""

from collections.abc import Iterator

import httpx
import pytest

from infra.local.pubsub.emulator import create_anew
from infra.local.pubsub.server import LocalBus
from infra.local.serving import HttpServer
from tests.contract.local.emulator import TIMEOUT, pubsub_emulator

PROJECT = "countersign-local"
TOPIC = "snapshots-ingested"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with pubsub_emulator(tmp_path_factory.mktemp("emulator"), PROJECT) as client:
        create_anew(client, f"/v1/projects/{PROJECT}/topics/{TOPIC}", {})
        yield client


@pytest.fixture(scope="module")
def bus() -> Iterator[httpx.Client]:
    with (
        LocalBus(None, {TOPIC: []}, PROJECT) as local,
        HttpServer(local.app) as server,
        httpx.Client(base_url=server.url, timeout=TIMEOUT) as client,
    ):
        yield client


def answer(client: httpx.Client, topic: str, body: str) -> dict[str, object]:
    """Return what a publisher can depend on: not the ids, not the words of an error."""
    response = client.post(
        f"/v1/projects/{PROJECT}/topics/{topic}:publish",
        content=body,
        headers={"content-type": "application/json"},
    )
    reply = response.json()
    error = reply.get("error", {})
    ids = reply.get("messageIds", [])
    return {
        "http status": response.status_code,
        "content type": response.headers["content-type"],
        "keys": sorted(reply),
        "error": (sorted(error), error.get("code"), error.get("status")),
        "ids": [type(message_id).__name__ for message_id in ids],
        "ids differ": len(set(ids)) == len(ids),
    }


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (TOPIC, '{"messages": [{"data": "aGk=", "attributes": {"a": "b"}}, {"data": "aGk="}]}'),
        (TOPIC, '{"messages": [{"data": "aGk=", "attributes": {}, "orderingKey": "SPY"}]}'),
        (TOPIC, '{"messages": [{"data": "aGk=", "attributes": null, "orderingKey": null}]}'),
        (TOPIC, '{"messages": [{"data": "aGk=", "attributes": {}, "orderingKey": ""}]}'),
        (TOPIC, '{"messages": [{"attributes": {"a": "b"}}]}'),
        (TOPIC, '{"messages": [{"data": "aGk"}, {"data": "_-8="}, {"data": "/+8="}]}'),
        (TOPIC, '{"messages": [{"data": "aGk=", "messageId": "7"}]}'),
        ("nowhere", '{"messages": [{"data": "aGk="}]}'),
        (TOPIC, ""),
        (TOPIC, "{}"),
        (TOPIC, '{"messages": null}'),
        (TOPIC, '{"messages": []}'),
        (TOPIC, '{"messages": [{}]}'),
        (TOPIC, '{"messages": [{"orderingKey": "SPY"}]}'),
        (TOPIC, '{"messages": [{"data": "!!!"}]}'),
        (TOPIC, '{"messages": [{"data": "a"}]}'),
        (TOPIC, '{"messages": [{"data": "a Gk="}]}'),
        (TOPIC, '{"messages": [{"data": 5}]}'),
        (TOPIC, '{"messages": [{"data": "aGk=", "unknown": 1}]}'),
        (TOPIC, '{"messages": [{"data": "aGk=", "attributes": {"a": null}}]}'),
        (TOPIC, '{"messages": [{"data": "aGk=", "attributes": []}]}'),
        (TOPIC, '{"messages": {"data": "aGk="}}'),
        (TOPIC, '{"messages": [null]}'),
        (TOPIC, "null"),
        (TOPIC, "[]"),
        (TOPIC, "not json"),
    ],
)
def test_a_publish_call_is_answered_alike(
    bus: httpx.Client, emulator: httpx.Client, topic: str, body: str
) -> None:
    theirs = answer(emulator, topic, body)

    ours = answer(bus, topic, body)

    assert ours == theirs
