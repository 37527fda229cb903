"""A backlog of the outbox, against publishing as many bare messages through the same bus."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import flask

from common.messages import QuestionCreated
from infra.gcp.pubsub import PubsubMessage, PubsubPublisher
from infra.local.pubsub.server import LocalBus
from infra.local.serving import HttpServer
from infra.postgres.database import Database
from infra.runtime.clock import SystemClock
from infra.workflows.outbox_relay import BATCH_SIZE, Relay
from tests.bench.crowd import crowd
from tests.bench.timing import Figure, timed

_CONNECTIONS = 2
_TIMEOUT = 300
_PAYLOAD = {"symbol": "SPY", "text": "SPY is down 1.6% vs yesterday. " * 20}


def through_the_bus(server: str, messages: int) -> Iterator[Figure]:
    """Bring so many questions to an app backend that does nothing, over the local bus."""
    app = flask.Flask(__name__)
    app.add_url_rule("/", view_func=lambda: ("", 204), methods=["POST"])
    with HttpServer(app) as backend, crowd(server, 1, 1) as database:
        with _bus(backend.url) as (bus, publisher):
            bare = timed(lambda: _publish(publisher, messages)) + timed(lambda: bus.drain(_TIMEOUT))
        _fill(database, messages)
        with _bus(backend.url) as (bus, publisher):
            relay = Relay(database, publisher, SystemClock())
            out = timed(lambda: _publish_all(relay, messages)) + timed(lambda: bus.drain(_TIMEOUT))
    name = f"{messages:,} questions with the app backend"
    yield Figure(name, [out], "as many bare messages over the same bus", [bare], 3)


@contextmanager
def _bus(url: str) -> Iterator[tuple[LocalBus, PubsubPublisher]]:
    with (
        LocalBus(None, {QuestionCreated.topic: [url]}, "bench") as bus,
        HttpServer(bus.app) as server,
        closing(PubsubPublisher("bench", server.url.removeprefix("http://"))) as publisher,
    ):
        yield bus, publisher


def drain(server: str, messages: int) -> Iterator[Figure]:
    """Publish so many questions to a receiver that takes requests and delivers nothing."""
    bus = flask.Flask(__name__)
    bus.add_url_rule("/<path:_>", view_func=lambda _: ({"messageIds": []}, 200), methods=["POST"])
    with (
        HttpServer(bus) as receiver,
        closing(PubsubPublisher("bench", receiver.url.removeprefix("http://"))) as publisher,
        crowd(server, 1, 1) as database,
    ):
        bare = timed(lambda: _publish(publisher, messages))
        _fill(database, messages)
        relay = Relay(database, publisher, SystemClock())
        out = timed(lambda: _publish_all(relay, messages))
    yield Figure(f"{messages:,} messages out of the outbox", [out], "as many bare messages", [bare])


def _publish_all(relay: Relay, messages: int) -> None:
    published = 0
    while published < messages:
        published += relay.publish_pending(_CONNECTIONS)


def _publish(publisher: PubsubPublisher, messages: int) -> None:
    data = json.dumps(_PAYLOAD).encode()
    batch = [
        PubsubMessage(data, f"bench-{n}", {"message_id": f"message-{n}"}) for n in range(BATCH_SIZE)
    ]
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        for _ in threads.map(
            lambda _: publisher.publish(QuestionCreated.topic, batch), range(messages // BATCH_SIZE)
        ):
            pass


def _fill(database: Database, messages: int) -> None:
    with database.transaction() as tx:
        tx.run(
            "INSERT INTO outbox (topic, ordering_key, payload, created_at)"
            " SELECT :topic, 'bench-' || n, CAST(:payload AS jsonb), now()"
            " FROM generate_series(1, :n) n",
            topic=QuestionCreated.topic,
            payload=json.dumps(_PAYLOAD),
            n=messages,
        )
        tx.run("ANALYZE outbox")
