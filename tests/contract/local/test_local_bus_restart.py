"""The local bus loses nothing when it dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from infra.local.pubsub.server import LocalBus
from tests.contract.local.bus_support import (
    PATH,
    TOPIC,
    Subscriber,
    bus_to,
    message,
    publish,
)
from tests.waiting import PATIENCE_SECONDS, eventually

CHILD = """
import sys, time
from pathlib import Path
from infra.local.pubsub.server import LocalBus
from infra.local.serving import HttpServer
bus = LocalBus(Path(sys.argv[1]), {sys.argv[2]: [sys.argv[3]]}, backoff_seconds=60)
with bus, HttpServer(bus.app) as server:
    print(server.url, flush=True)
    time.sleep(60)
"""


@contextmanager
def bus_in_another_process(database: Path, endpoint: Subscriber) -> Iterator[str]:
    """Yield the URL of a bus whose process is killed, not stopped, at the end."""
    command = [sys.executable, "-c", CHILD, str(database), TOPIC, f"{endpoint.url}/evaluate"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603
        try:
            assert child.stdout is not None
            yield child.stdout.readline().strip()
        finally:
            os.kill(child.pid, signal.SIGKILL)


def test_a_killed_bus_delivers_what_was_not_acked_when_it_is_back(tmp_path: Path) -> None:
    loose = [f"loose {number}" for number in range(5)]
    keyed = [f"keyed {number}" for number in range(5)]
    with Subscriber(lambda text, _attempt: 204 if text == "acked" else 503) as endpoint:
        with bus_in_another_process(tmp_path / "bus.db", endpoint) as url:
            messages = [message(text) for text in ["acked", *loose]]
            messages += [message(text, key="SPY") for text in keyed]
            httpx.post(url + PATH, json={"messages": messages}).raise_for_status()
            eventually(lambda: {"acked", *loose, keyed[0]} <= set(endpoint.texts))
            time.sleep(0.1)  # the child commits an ack just after our answer
        refused = len(endpoint.texts)
        endpoint.answer = lambda _text, _attempt: 204

        with bus_to(endpoint.url, tmp_path / "bus.db") as bus:
            drained = bus.drain(PATIENCE_SECONDS)

    delivered = endpoint.texts[refused:]
    assert drained
    assert sorted(delivered) == sorted(loose + keyed)
    assert [text for text in delivered if text in keyed] == keyed


def test_what_was_answered_before_the_kill_is_delivered(tmp_path: Path) -> None:
    answered: list[str] = []

    def publish_until_killed(url: str) -> None:
        with suppress(httpx.HTTPError), httpx.Client(base_url=url) as client:
            for number in range(100_000):
                body = {"messages": [message(str(number))]}
                client.post(PATH, json=body).raise_for_status()
                answered.append(str(number))

    with Subscriber() as endpoint:
        with bus_in_another_process(tmp_path / "bus.db", endpoint) as url:
            publisher = threading.Thread(target=publish_until_killed, args=(url,))
            publisher.start()
            eventually(lambda: len(answered) >= 50)
        publisher.join()

        with bus_to(endpoint.url, tmp_path / "bus.db") as bus:
            drained = bus.drain(PATIENCE_SECONDS)

    assert drained
    assert set(answered) <= set(endpoint.texts)


def test_what_was_backing_off_when_the_bus_stopped_is_delivered_later(tmp_path: Path) -> None:
    with Subscriber(lambda _text, attempt: 503 if attempt == 1 else 204) as endpoint:
        owed = {TOPIC: [f"{endpoint.url}/evaluate"]}
        with LocalBus(tmp_path / "bus.db", owed, backoff_seconds=3600) as bus:
            publish(bus, message("later"))
            eventually(lambda: bool(endpoint.texts))

        with LocalBus(tmp_path / "bus.db", owed, backoff_seconds=3600) as bus:
            drained = bus.drain(PATIENCE_SECONDS)

    assert drained
    assert endpoint.texts == ["later", "later"]


def test_dead_letters_outlive_the_bus_and_can_be_delivered_again(tmp_path: Path) -> None:
    with Subscriber(lambda _text, attempt: 500 if attempt <= 2 else 200) as endpoint:
        with bus_to(endpoint.url, tmp_path / "bus.db", max_delivery_attempts=2) as bus:
            publish(bus, message("poison"))
            assert bus.drain(PATIENCE_SECONDS)

        with bus_to(endpoint.url, tmp_path / "bus.db", max_delivery_attempts=2) as bus:
            [letter] = bus.dead_letters()
            bus.redeliver(letter.message.message_id)
            assert bus.drain(PATIENCE_SECONDS)

            assert endpoint.texts == ["poison"] * 3
            assert bus.dead_letters() == []
