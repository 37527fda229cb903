"""Whether a topic exists: asked of the local bus and of Google's emulator alike."""

from collections.abc import Iterator
from contextlib import closing

import flask
import httpx
import pytest

from common.errors import PermanentError, TransientError
from infra.gcp.pubsub import PubsubPublisher
from infra.local.pubsub.emulator import create_anew
from infra.local.pubsub.server import LocalBus
from infra.local.serving import HttpServer
from tests.contract.local.emulator import pubsub_emulator

PROJECT = "countersign-local"
TOPIC = "orders-approved"


@pytest.fixture(params=["bus", "emulator"], scope="module")
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "bus":
        with LocalBus(None, {TOPIC: []}, PROJECT) as bus, HttpServer(bus.app) as server:
            yield server.url.removeprefix("http://")
        return
    with pubsub_emulator(tmp_path_factory.mktemp("emulator"), PROJECT) as client:
        create_anew(client, f"/v1/projects/{PROJECT}/topics/{TOPIC}", {})
        yield str(client.base_url).removeprefix("http://").rstrip("/")


def test_a_topic_is_there_or_not(host: str) -> None:
    with closing(PubsubPublisher(PROJECT, host)) as topics:
        assert topics.has(TOPIC)
        assert not topics.has("trade-updates")


@pytest.mark.parametrize(("status", "kind"), [(403, PermanentError), (503, TransientError)])
def test_what_is_no_answer_raises(status: int, kind: type[Exception]) -> None:
    app = flask.Flask(__name__)
    app.add_url_rule("/<path:_>", view_func=lambda _: ("", status))

    with (
        HttpServer(app) as server,
        closing(PubsubPublisher(PROJECT, httpx.URL(server.url).netloc.decode())) as topics,
        pytest.raises(kind, match=str(status)),
    ):
        topics.has(TOPIC)
