"""The local bus answers publish calls as Google's own emulator of Pub/Sub does."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from infra.local.bus import LocalBus
from infra.local.serving import Server

PROJECT = "countersign-local"
TOPIC = "snapshots-ingested"
START_SECONDS = 60
# Some malformed bodies hang the emulator: never wait long for it.
TIMEOUT = httpx.Timeout(5)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is not installed, so there is no official Pub/Sub emulator to ask")
    with (
        running(gcloud, tmp_path_factory.mktemp("emulator")) as url,
        httpx.Client(base_url=url, timeout=TIMEOUT) as client,
    ):
        client.put(f"/v1/projects/{PROJECT}/topics/{TOPIC}").raise_for_status()
        yield client


@contextmanager
def running(gcloud: str, folder: Path) -> Iterator[str]:
    """Run the emulator in a process group of its own, and end the whole group: java is a child."""
    address = f"127.0.0.1:{free_port()}"
    start = [gcloud, "--quiet", "beta", "emulators", "pubsub", "start"]
    options = [f"--project={PROJECT}", f"--host-port={address}", f"--data-dir={folder}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603
            [*start, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_it_answers(process, f"http://{address}")
        yield f"http://{address}"
    finally:
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_it_answers(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.skip("gcloud is here, but its Pub/Sub emulator does not start")
        try:
            httpx.get(url, timeout=TIMEOUT)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the emulator did not answer in time")


@pytest.fixture(scope="module")
def bus() -> Iterator[httpx.Client]:
    with (
        LocalBus(None, {TOPIC: []}, PROJECT) as local,
        Server(local.app) as server,
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
    said = response.json()
    error = said.get("error", {})
    ids = said.get("messageIds", [])
    return {
        "http status": response.status_code,
        "content type": response.headers["content-type"],
        "keys": sorted(said),
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
